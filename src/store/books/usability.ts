// The mirror: until when each quota row may be charged, as its key and all owners above it say.
import { sql } from 'kysely'
import { FOREVER } from '../../quota/quota.ts'
import type { DatabaseTransaction } from '../schema.ts'
import type { WriteScope } from './book-database.ts'
import { lockQuotas } from './lock-all.ts'
import type { KeyRow, LockedKey, OwnerRow } from './locks.ts'

type KeyState = Pick<KeyRow, 'disabled' | 'revoked_at' | 'expires_at'>

export const keyUsableUntil = (key: KeyState, ownersUsableUntil: number): number => {
  if (key.disabled !== 0 || key.revoked_at !== null) return 0
  return Math.min(key.expires_at ?? FOREVER, ownersUsableUntil)
}

export const ownersUsableUntil = (owners: readonly Pick<OwnerRow, 'disabled'>[]): number =>
  owners.some(({ disabled }) => disabled !== 0) ? 0 : FOREVER

/** Rewrites the rows of one key: the one it was born with and its limits'. */
export const mirrorKey = async ({ tx }: WriteScope, { key, owners }: LockedKey): Promise<void> => {
  const usableUntil = keyUsableUntil(key, ownersUsableUntil(owners))
  const limits = await tx
    .selectFrom('quota_limit')
    .select('quota_id')
    .where('subject_id', '=', key.id)
    .execute()
  const ids = [key.quota_id, ...limits.map(({ quota_id }) => quota_id)]
  await writeMirrors(tx, new Map(ids.map((id) => [id, usableUntil])))
}

/** Rewrites all rows of an owner and of everything below it. `owners` ends with it and its new state. */
export const mirrorOwner = async ({ tx }: WriteScope, owners: readonly OwnerRow[]): Promise<void> =>
  writeMirrors(tx, await mirrorsBelow(tx, owners))

/** What those rows must say, by id. */
export const mirrorsBelow = async (
  tx: DatabaseTransaction,
  owners: readonly OwnerRow[],
): Promise<ReadonlyMap<number, number>> => {
  const mirrors = new Map<number, number>()
  const owner = owners.at(-1)
  if (owner === undefined) return mirrors
  const states = await ownerStates(tx, owner.path, ownersUsableUntil(owners.slice(0, -1)))
  const usableBy = (path: string) => states.get(path) ?? 0
  for (const limit of await selectOwnerLimits(tx, owner.path))
    mirrors.set(limit.quota_id, usableBy(limit.path))
  for (const key of await selectKeys(tx, owner.path))
    mirrors.set(key.quota_id, keyUsableUntil(key, usableBy(key.path)))
  for (const limit of await selectKeyLimits(tx, owner.path))
    mirrors.set(limit.quota_id, keyUsableUntil(limit, usableBy(limit.path)))
  return mirrors
}

/** Rows that nothing will ever charge again. All of a transaction at once: charges hold theirs by id ascending. */
export const retireQuotas = async (scope: WriteScope, quotaIds: readonly number[]): Promise<void> => {
  await lockQuotas(scope, quotaIds)
  await writeMirrors(scope.tx, new Map(quotaIds.map((id) => [id, 0])))
}

const ownerStates = async (
  tx: DatabaseTransaction,
  path: string,
  aboveUsableUntil: number,
): Promise<ReadonlyMap<string, number>> => {
  const rows = await tx
    .selectFrom('owner as o')
    .select(['o.path', 'o.disabled'])
    .where(atOrBelow(path))
    .execute()
  const states = new Map<string, number>()
  for (const row of rows.toSorted((a, b) => a.path.length - b.path.length)) {
    const parent = states.get(row.path.slice(0, row.path.lastIndexOf('/'))) ?? aboveUsableUntil
    states.set(row.path, row.disabled !== 0 ? 0 : parent)
  }
  return states
}

const selectOwnerLimits = (tx: DatabaseTransaction, path: string) =>
  tx
    .selectFrom('owner as o')
    .innerJoin('quota_limit as l', 'l.subject_id', 'o.id')
    .select(['l.quota_id', 'o.path'])
    .where(atOrBelow(path))
    .execute()

const selectKeys = (tx: DatabaseTransaction, path: string) =>
  tx
    .selectFrom('owner as o')
    .innerJoin('virtual_key as k', 'k.owner_id', 'o.id')
    .select(['k.quota_id', 'k.disabled', 'k.revoked_at', 'k.expires_at', 'o.path'])
    .where(atOrBelow(path))
    .execute()

const selectKeyLimits = (tx: DatabaseTransaction, path: string) =>
  tx
    .selectFrom('owner as o')
    .innerJoin('virtual_key as k', 'k.owner_id', 'o.id')
    .innerJoin('quota_limit as l', 'l.subject_id', 'k.id')
    .select(['l.quota_id', 'k.disabled', 'k.revoked_at', 'k.expires_at', 'o.path'])
    .where(atOrBelow(path))
    .execute()

/** A condition on the owner table, named o, that its index on path serves: '0' is the character after '/'. */
export const atOrBelow = (path: string) =>
  sql<boolean>`(o.path = ${path} OR (o.path > ${`${path}/`} AND o.path < ${`${path}0`}))`

/** Larger statements hold their rows longer without writing faster. */
const ROWS_PER_STATEMENT = 256

/** Ids ascending, as charges lock them, so that neither waits for the other in a circle. */
export const writeMirrors = (tx: DatabaseTransaction, mirrors: ReadonlyMap<number, number>): Promise<void> =>
  writeQuotas(tx, 'usable_until', mirrors)

/** One column of many rows; `values` by id. */
export const writeQuotas = async (
  tx: DatabaseTransaction,
  column: 'usable_until' | 'amount',
  values: ReadonlyMap<number, number>,
): Promise<void> => {
  const ids = [...values.keys()].toSorted((a, b) => a - b)
  for (let at = 0; at < ids.length; at += ROWS_PER_STATEMENT) {
    const chunk = ids.slice(at, at + ROWS_PER_STATEMENT)
    const cases = chunk.map((id) => `WHEN ${integer(id)} THEN ${integer(values.get(id) ?? 0)}`).join(' ')
    await sql`UPDATE quota SET ${sql.raw(column)} = CASE id ${sql.raw(cases)} END WHERE id IN (${sql.raw(chunk.join(','))})`.execute(
      tx,
    )
  }
}

/** The only thing that enters the text of a statement. */
const integer = (value: number): string => {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a whole number`)
  return String(value)
}
