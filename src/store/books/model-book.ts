// The models of the catalogue, as people manage them.
import { Rejection } from '../../kernel/failure.ts'
import { parseName } from '../../kernel/name.ts'
import type { Model } from '../../policy/model-catalogue.ts'
import type { PolicyBook } from '../../policy/policy-book.ts'
import type { BookDatabase } from './book-database.ts'
import type { RegistryChange } from './policy-book.ts'
import { readModels } from './registry-document.ts'
import { parseModelName, parseNames, requireRegistered } from './rules-input.ts'

type ModelBook = Pick<PolicyBook, 'createModel' | 'updateModel' | 'deleteModel' | 'listModels'>

export const createModelBook = ({
  database,
  change,
  refuseTwice,
}: {
  database: BookDatabase
  change: RegistryChange
  refuseTwice: <T>(name: string, work: () => Promise<T>) => Promise<T>
}): ModelBook => ({
  createModel: async (draft) => {
    const model = parseModel(draft)
    return refuseTwice(model.name, () =>
      change(async (scope) => {
        await requireRegistered(scope, { policies: [], guardrails: model.guardrails })
        await scope.tx.insertInto('model').values(modelToRow(model)).execute()
        return model
      }),
    )
  },

  updateModel: (name, modelChange) =>
    change(async (scope) => {
      const current = (await readModels(scope.tx)).find((model) => model.name === name)
      if (current === undefined) throw noSuchModel(name)
      const next = parseModel({ ...current, ...modelChange, name })
      await requireRegistered(scope, { policies: [], guardrails: next.guardrails })
      await scope.tx.updateTable('model').set(modelToRow(next)).where('name', '=', name).execute()
      return next
    }),

  deleteModel: (name) =>
    change(async ({ tx }) => {
      const { numDeletedRows } = await tx
        .deleteFrom('model')
        .where('name', '=', name)
        .executeTakeFirstOrThrow()
      if (numDeletedRows === 0n) throw noSuchModel(name)
    }),

  listModels: () => database.read(readModels),
})

export const parseModel = ({ name, route, guardrails }: Model): Model => ({
  name: parseModelName(name),
  route: parseName('route', route),
  guardrails: parseNames('guardrail', guardrails),
})

export const modelToRow = ({ name, route, guardrails }: Model) => ({
  name,
  route,
  guardrails: JSON.stringify(guardrails),
})

const noSuchModel = (name: string): Rejection =>
  new Rejection('not_found', `model ${JSON.stringify(name.slice(0, 128))} does not exist`)
