// Who names a policy or a guardrail: while anybody does, it cannot be deleted.
import { sql } from 'kysely'
import { Rejection } from '../../kernel/failure.ts'
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

const refuse = (
  what: string,
  name: string,
  by: string,
  holder: { readonly name: string } | undefined,
): void => {
  if (holder !== undefined)
    throw new Rejection('conflict', `${what} ${name} is named by ${by} ${holder.name}`)
}
