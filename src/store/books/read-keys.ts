// Reading keys for people.
import { sql } from 'kysely'
import { Rejection } from '../../kernel/failure.ts'
import type { KeyFilter, KeyRecord } from '../../keys/key-book.ts'
import { labelsFromColumn } from '../labels-column.ts'
import { rulesFromColumns } from '../rules-columns.ts'
import type { Database } from '../schema.ts'
import { parseLabel } from './labels-input.ts'
import type { KeyRow } from './locks.ts'
import { noSuchKey, noSuchOwner } from './locks.ts'
import { isKeyId } from './public-id.ts'
import { atOrBelow } from './usability.ts'

export const getKey = async (db: Database, id: string): Promise<KeyRecord> => {
  const row = isKeyId(id) ? await selectKeys(db).where('k.id', '=', id).executeTakeFirst() : undefined
  if (row === undefined) throw noSuchKey(id)
  return toRecord(row)
}

/** undefined also when the secret's own time has passed. */
export const findKeyByDigest = async (
  db: Database,
  digest: Uint8Array,
  nowMs: number,
): Promise<KeyRecord | undefined> => {
  const row = await selectKeys(db)
    .innerJoin('key_secret as s', 's.key_id', 'k.id')
    .where('s.hash', '=', digest)
    .where((secret) => secret.or([secret('s.not_after', 'is', null), secret('s.not_after', '>', nowMs)]))
    .executeTakeFirst()
  return row === undefined ? undefined : toRecord(row)
}

/** Of two live secrets the one that lives longer. */
export const digestOfKey = async (db: Database, id: string, nowMs: number): Promise<Uint8Array> => {
  if (!isKeyId(id)) throw noSuchKey(id)
  const rows = await db
    .selectFrom('virtual_key as k')
    .innerJoin('key_secret as s', 's.key_id', 'k.id')
    .select(['s.hash', 's.not_after'])
    .where('k.id', '=', id)
    .execute()
  const live = rows.filter(({ not_after }) => not_after === null || not_after > nowMs)
  const longest = live.toSorted((a, b) => (b.not_after ?? Infinity) - (a.not_after ?? Infinity))[0]
  if (longest !== undefined) return new Uint8Array(longest.hash)
  if (rows.length === 0) throw noSuchKey(id)
  throw new Rejection('not_found', `key ${id} has no secret that is still valid`)
}

export const MAX_PAGE_SIZE = 1_000

export const listKeys = async (db: Database, filter: KeyFilter): Promise<readonly KeyRecord[]> => {
  const { ownerPath, includeRevoked = false, afterId, pageSize, labels = {} } = filter
  if (!Number.isSafeInteger(pageSize) || pageSize < 1 || pageSize > MAX_PAGE_SIZE)
    throw new Rejection('invalid', `a page has 1 to ${MAX_PAGE_SIZE} keys`)
  if (ownerPath !== undefined) await requireOwner(db, ownerPath)
  let query = selectKeys(db).orderBy('k.id').limit(sql.lit(pageSize))
  if (ownerPath !== undefined) query = query.where(atOrBelow(ownerPath))
  if (!includeRevoked) query = query.where('k.revoked_at', 'is', null)
  if (afterId !== undefined) query = query.where('k.id', '>', afterId)
  for (const [name, value] of Object.entries(labels)) query = query.where(bearing(name, value))
  return (await query.execute()).map(toRecord)
}

/** Names and values hold neither quotes nor backslashes, so the pair occurs in the column exactly when it is a label. */
const bearing = (name: string, value: string | undefined) => {
  parseLabel(name, value ?? ANY_VALUE)
  const pair = `${JSON.stringify(name)}:${value === undefined ? '"' : JSON.stringify(value)}`
  return sql<boolean>`instr(COALESCE(k.labels, ''), ${pair}) > 0`
}

const ANY_VALUE = 'any'

export const toRecord = (row: KeyRow & { readonly path: string }): KeyRecord => ({
  id: row.id,
  name: row.name,
  hint: row.hint,
  ownerPath: row.path,
  disabled: row.disabled !== 0,
  revokedAtMs: row.revoked_at ?? undefined,
  notBeforeMs: row.not_before ?? undefined,
  expiresAtMs: row.expires_at ?? undefined,
  rules: rulesFromColumns(row),
  failMode: row.fail_mode,
  shadow: row.shadow !== 0,
  labels: labelsFromColumn(row.labels),
  createdAtMs: row.created_at,
})

export const selectKeys = (db: Database) =>
  db
    .selectFrom('virtual_key as k')
    .innerJoin('owner as o', 'o.id', 'k.owner_id')
    .selectAll('k')
    .select('o.path')

export const requireOwner = async (db: Database, path: string): Promise<void> => {
  const owner = await db.selectFrom('owner').select('id').where('path', '=', path).executeTakeFirst()
  if (owner === undefined) throw noSuchOwner(path)
}
