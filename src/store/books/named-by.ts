// Who names a policy or a guardrail: while anybody does, it cannot be deleted.
import { sql } from 'kysely'
import { Rejection } from '../../kernel/failure.ts'
import type { Plan } from '../../keys/state-plan.ts'
import { listFromJson } from '../rules-columns.ts'
import type { DatabaseTransaction } from '../schema.ts'

/**
 * Throws conflict while somebody names it. The registry is held, and whoever gives a name away holds it too. This reads
 * every key: it is asked when something is deleted, never on the way of a request. A revoked key names nothing any more,
 * because it can neither be used nor changed.
 */
export const refuseNamed = async (
  tx: DatabaseTransaction,
  what: 'policy' | 'guardrail',
  name: string,
): Promise<void> => {
  const column = what === 'policy' ? 'policies' : 'guardrails'
  // Names hold neither quotes nor backslashes, so the quoted name occurs in the list exactly when it is an entry.
  const named = sql<boolean>`instr(${sql.ref(column)}, ${JSON.stringify(name)}) > 0`
  const key = await tx
    .selectFrom('virtual_key')
    .select('id as name')
    .where(named)
    .where('revoked_at', 'is', null)
    .limit(sql.lit(1))
    .executeTakeFirst()
  const owner = await tx
    .selectFrom('owner')
    .select('path as name')
    .where(named)
    .limit(sql.lit(1))
    .executeTakeFirst()
  refuse(what, name, 'key', key)
  refuse(what, name, 'owner', owner)
  if (what === 'policy') return
  refuse(
    what,
    name,
    'policy',
    await tx.selectFrom('policy').select('name').where(named).limit(sql.lit(1)).executeTakeFirst(),
  )
  refuse(
    what,
    name,
    'model',
    await tx.selectFrom('model').select('name').where(named).limit(sql.lit(1)).executeTakeFirst(),
  )
}

/**
 * What keys need of all that a plan deletes, in words. One pass over the keys for all of it, for lists that many share are read
 * once. The registry and all owners are held.
 */
export const usedByKeys = async (
  tx: DatabaseTransaction,
  { policies, guardrails, owners }: Pick<Plan, 'policies' | 'guardrails' | 'owners'>,
): Promise<readonly string[]> => {
  const gone = {
    policies: new Set(policies.delete.map(({ name }) => name)),
    guardrails: new Set(guardrails.delete.map(({ name }) => name)),
    owners: new Set(owners.delete.map(({ path }) => path)),
  }
  if (Object.values(gone).every(({ size }) => size === 0)) return []
  const holders = await tx
    .selectFrom('virtual_key as k')
    .innerJoin('owner as o', 'o.id', 'k.owner_id')
    .select(['o.path', 'k.policies', 'k.guardrails', (eb) => eb.fn.min('k.id').as('id')])
    .where('k.revoked_at', 'is', null)
    .groupBy(['o.path', 'k.policies', 'k.guardrails'])
    .execute()
  const words = holders.flatMap(({ path, id, ...lists }) => [
    ...(gone.owners.has(path) ? [`owner ${path} has keys that are not revoked, ${id} for one`] : []),
    ...named('policy', gone.policies, listFromJson(lists.policies), id),
    ...named('guardrail', gone.guardrails, listFromJson(lists.guardrails), id),
  ])
  return [...new Set(words)]
}

const named = (
  what: string,
  gone: ReadonlySet<string>,
  list: readonly string[],
  id: string,
): readonly string[] =>
  list.filter((name) => gone.has(name)).map((name) => `${what} ${name} is named by key ${id}`)

const refuse = (
  what: string,
  name: string,
  by: string,
  holder: { readonly name: string } | undefined,
): void => {
  if (holder !== undefined)
    throw new Rejection('conflict', `${what} ${name} is named by ${by} ${holder.name}`)
}
