// Carries out what a plan says about guardrails, policies and models; the registry is held, and written once.
import type { Changes, Plan } from '../../keys/state-plan.ts'
import type { WriteScope } from './book-database.ts'
import { modelToRow } from './model-book.ts'
import { policyToRow } from './policy-book.ts'
import { readPolicies, writeRegistry } from './registry-document.ts'

/** What owners will name. */
export const writeRegistered = async (
  { tx }: WriteScope,
  { guardrails, policies, models }: Plan,
): Promise<void> => {
  for (const rows of chunked(guardrails.create)) await tx.insertInto('guardrail').values(rows).execute()
  for (const rows of chunked(policies.create.map((policy) => policyToRow({ ...policy, version: 1 }))))
    await tx.insertInto('policy').values(rows).execute()
  const versions = new Map((await readPolicies(tx)).map(({ name, version }) => [name, version]))
  for (const { after } of policies.update) {
    const version = (versions.get(after.name) ?? 0) + 1
    await tx
      .updateTable('policy')
      .set(policyToRow({ ...after, version }))
      .where('name', '=', after.name)
      .execute()
  }
  for (const rows of chunked(models.create.map(modelToRow)))
    await tx.insertInto('model').values(rows).execute()
  for (const { after } of models.update)
    await tx.updateTable('model').set(modelToRow(after)).where('name', '=', after.name).execute()
}

/** What nobody names any more; then the registry is written, when there was any change. */
export const deleteRegistered = async (scope: WriteScope, plan: Plan): Promise<void> => {
  const { guardrails, policies, models } = plan
  for (const [table, { delete: gone }] of [
    ['model', models],
    ['policy', policies],
    ['guardrail', guardrails],
  ] as const)
    for (const rows of chunked<Readonly<{ name: string }>>(gone))
      await scope.tx
        .deleteFrom(table)
        .where(
          'name',
          'in',
          rows.map(({ name }) => name),
        )
        .execute()
  if (!isChange(guardrails) && !isChange(policies) && !isChange(models)) return
  await writeRegistry(scope.tx)
  scope.changed({ kind: 'registry' })
}

const isChange = (changes: Changes<unknown>): boolean =>
  changes.create.length > 0 || changes.update.length > 0 || changes.delete.length > 0

const ROWS_PER_STATEMENT = 100

export const chunked = <T>(rows: readonly T[]): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(rows.length / ROWS_PER_STATEMENT) }, (_, chunk) =>
    rows.slice(chunk * ROWS_PER_STATEMENT, (chunk + 1) * ROWS_PER_STATEMENT),
  )
