// Deleting an owner: only an empty one, and its revoked keys go with it, except for the digests of their secrets.
import { sql } from 'kysely'
import { Rejection } from '../../kernel/failure.ts'
import type { DatabaseTransaction } from '../schema.ts'
import type { OwnerRow } from './locks.ts'

/**
 * `owner` and all above it are locked. Quota rows stay: an id of one must never come back with another meaning. Returns those that
 * the caller retires, together with all others that its transaction writes.
 */
export const deleteOwnerRows = async (
  tx: DatabaseTransaction,
  owner: OwnerRow,
): Promise<readonly number[]> => {
  await refuseWhenInUse(tx, owner)
  const quotaIds = [...(await deleteRevokedKeys(tx, owner.id)), ...(await deleteLimits(tx, [owner.id]))]
  const { numDeletedRows } = await tx.deleteFrom('owner').where('id', '=', owner.id).executeTakeFirstOrThrow()
  if (numDeletedRows !== 1n) throw new Error(`deleting one owner touched ${numDeletedRows} rows`)
  return quotaIds
}

const refuseWhenInUse = async (tx: DatabaseTransaction, { id, path }: OwnerRow): Promise<void> => {
  const child = await tx
    .selectFrom('owner')
    .select('path')
    .where('parent_id', '=', id)
    .limit(sql.lit(1))
    .executeTakeFirst()
  if (child !== undefined)
    throw new Rejection('conflict', `owner ${path} has owners below it, ${child.path} for one`)
  const key = await tx
    .selectFrom('virtual_key')
    .select('id')
    .where('owner_id', '=', id)
    .where('revoked_at', 'is', null)
    .limit(sql.lit(1))
    .executeTakeFirst()
  if (key !== undefined)
    throw new Rejection('conflict', `owner ${path} has keys that are not revoked, ${key.id} for one`)
}

const IDS_PER_STATEMENT = 100

/** Their secrets stay, as nobody's: a digest that was once revoked is refused by every import and never finds a key again. */
const deleteRevokedKeys = async (tx: DatabaseTransaction, ownerId: string): Promise<readonly number[]> => {
  const quotaIds: number[] = []
  const keys = await tx.selectFrom('virtual_key').select('id').where('owner_id', '=', ownerId).execute()
  for (let at = 0; at < keys.length; at += IDS_PER_STATEMENT) {
    const ids = keys.slice(at, at + IDS_PER_STATEMENT).map(({ id }) => id)
    quotaIds.push(...(await deleteLimits(tx, ids)))
    const deleted = await tx
      .deleteFrom('virtual_key')
      .where('id', 'in', ids)
      .where('revoked_at', 'is not', null)
      .executeTakeFirstOrThrow()
    if (deleted.numDeletedRows !== BigInt(ids.length))
      throw new Error('a key that is not revoked was about to be deleted')
  }
  return quotaIds
}

const deleteLimits = async (
  tx: DatabaseTransaction,
  subjectIds: readonly string[],
): Promise<readonly number[]> => {
  const limits = await tx
    .selectFrom('quota_limit')
    .select(['id', 'quota_id'])
    .where('subject_id', 'in', subjectIds)
    .execute()
  for (const { id } of limits) await tx.deleteFrom('quota_limit').where('id', '=', id).execute()
  return limits.map(({ quota_id }) => quota_id)
}
