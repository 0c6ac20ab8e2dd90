// What has a registered name: policies, guardrails and models, as people manage them.
import { Rejection } from '../../kernel/failure.ts'
import { parseName } from '../../kernel/name.ts'
import type { Policy } from '../../policy/policy.ts'
import { NO_POLICY_RULES } from '../../policy/policy.ts'
import type { PolicyBook } from '../../policy/policy-book.ts'
import { policyRulesToColumns } from '../rules-columns.ts'
import type { BookDeps, WriteScope } from './book-database.ts'
import { lockRegistry } from './locks.ts'
import { createModelBook } from './model-book.ts'
import { refuseNamed } from './named-by.ts'
import { readGuardrails, readPolicies, writeRegistry } from './registry-document.ts'
import { parsePolicyRules, requireRegistered } from './rules-input.ts'

export type RegistryChange = <T>(work: (scope: WriteScope) => Promise<T>) => Promise<T>

export const createPolicyBook = (deps: BookDeps): PolicyBook => {
  const { database } = deps
  const change = registryChange(deps)
  return {
    createPolicy: async (draft) => {
      const policy = parsePolicy({ ...NO_POLICY_RULES, shadow: false, ...draft, version: 1 })
      return refuseTwice(deps, 'policy', policy.name, () =>
        change(async (scope) => {
          await requireRegistered(scope, { policies: [], guardrails: policy.guardrails })
          await scope.tx.insertInto('policy').values(policyToRow(policy)).execute()
          return policy
        }),
      )
    },

    updatePolicy: (name, policyChange) =>
      change(async (scope) => {
        const current = (await readPolicies(scope.tx)).find((policy) => policy.name === name)
        if (current === undefined) throw noSuch('policy', name)
        const next = parsePolicy({ ...current, ...policyChange, name, version: current.version + 1 })
        await requireRegistered(scope, { policies: [], guardrails: next.guardrails })
        await scope.tx.updateTable('policy').set(policyToRow(next)).where('name', '=', name).execute()
        return next
      }),

    deletePolicy: (name) =>
      change(async (scope) => {
        await deleteNamed(scope, 'policy', name)
        await refuseNamed(scope.tx, 'policy', name)
      }),

    listPolicies: () => database.read(readPolicies),

    createGuardrail: async (name) => {
      parseName('guardrail', name)
      await refuseTwice(deps, 'guardrail', name, () =>
        change(async ({ tx }) => {
          await tx.insertInto('guardrail').values({ name }).execute()
        }),
      )
    },

    deleteGuardrail: (name) =>
      change(async (scope) => {
        await deleteNamed(scope, 'guardrail', name)
        await refuseNamed(scope.tx, 'guardrail', name)
      }),

    listGuardrails: () => database.read(readGuardrails),

    ...createModelBook({
      database,
      change,
      refuseTwice: (name, work) => refuseTwice(deps, 'model', name, work),
    }),
  }
}

/** A change of anything registered: the registry is held first, and written anew last, in one transaction. */
const registryChange =
  ({ database }: BookDeps): RegistryChange =>
  (work) =>
    database.write(async (scope) => {
      await lockRegistry(scope)
      const done = await work(scope)
      await writeRegistry(scope.tx)
      scope.changed({ kind: 'registry' })
      return done
    })

const refuseTwice = async <T>(
  { database }: BookDeps,
  what: string,
  name: string,
  work: () => Promise<T>,
): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    throw database.isDuplicate(error)
      ? new Rejection('conflict', `${what} ${JSON.stringify(name)} exists already`)
      : error
  }
}

const deleteNamed = async (
  { tx }: WriteScope,
  table: 'policy' | 'guardrail',
  name: string,
): Promise<void> => {
  const { numDeletedRows } = await tx.deleteFrom(table).where('name', '=', name).executeTakeFirstOrThrow()
  if (numDeletedRows === 0n) throw noSuch(table, name)
}

const noSuch = (what: string, name: string): Rejection =>
  new Rejection('not_found', `${what} ${JSON.stringify(name.slice(0, 128))} does not exist`)

export const parsePolicy = ({ name, version, shadow, ...rules }: Policy): Policy => ({
  name: parseName('policy', name),
  version,
  shadow,
  ...parsePolicyRules(rules),
})

export const policyToRow = ({ name, version, shadow, ...rules }: Policy) => ({
  name,
  version,
  shadow: shadow ? 1 : 0,
  ...policyRulesToColumns(rules),
})
