// Revoking all keys of an owner and below it, so many in a transaction that nobody waits for long.
import { Rejection } from '../../kernel/failure.ts'
import type { BulkRevocation } from '../../keys/key-book.ts'
import type { DatabaseTransaction } from '../schema.ts'
import type { WriteScope } from './book-database.ts'
import { MAX_DRAFTS } from './key-input.ts'
import { lockOwnerChain } from './locks.ts'
import { atOrBelow, retireQuotas } from './usability.ts'

/** With the owner locked nobody can make or change a key below it meanwhile. One change tells of all of them. */
export const revokeKeysOf = async (
  scope: WriteScope,
  { ownerPath, expected }: Readonly<{ ownerPath: string; expected: number | undefined }>,
  now: () => number,
): Promise<BulkRevocation> => {
  const owner = (await lockOwnerChain(scope, ownerPath)).at(-1)
  if (owner === undefined) throw new Error('an owner chain is never empty')
  const all = await scope.tx
    .selectFrom('virtual_key as k')
    .innerJoin('owner as o', 'o.id', 'k.owner_id')
    .select(['k.id', 'k.quota_id'])
    .where(atOrBelow(ownerPath))
    .where('k.revoked_at', 'is', null)
    .orderBy('k.id')
    .execute()
  if (expected !== undefined && all.length !== expected)
    throw new Rejection(
      'conflict',
      `owner ${ownerPath} and those below it have ${all.length} keys that are not revoked, and ${expected} were expected; none was revoked`,
    )
  const keys = all.slice(0, MAX_DRAFTS)
  const quotaIds: number[] = []
  for (let at = 0; at < keys.length; at += ROWS_PER_STATEMENT)
    quotaIds.push(...(await revokeChunk(scope.tx, keys.slice(at, at + ROWS_PER_STATEMENT), now())))
  await retireQuotas(scope, quotaIds)
  if (keys.length > 0) scope.changed({ kind: 'owner', id: owner.id })
  return { revoked: keys.map(({ id }) => id), remaining: all.length - keys.length }
}

const ROWS_PER_STATEMENT = 256

/** Returns the quota rows that nothing may charge any more. */
const revokeChunk = async (
  tx: DatabaseTransaction,
  keys: readonly Readonly<{ id: string; quota_id: number }>[],
  nowMs: number,
): Promise<readonly number[]> => {
  const ids = keys.map(({ id }) => id)
  const { numUpdatedRows } = await tx
    .updateTable('virtual_key')
    .set({ revoked_at: nowMs })
    .where('id', 'in', ids)
    .where('revoked_at', 'is', null)
    .executeTakeFirstOrThrow()
  if (numUpdatedRows !== BigInt(ids.length))
    throw new Error(`revoking ${ids.length} keys touched ${numUpdatedRows} rows`)
  const limits = await tx
    .selectFrom('quota_limit')
    .select('quota_id')
    .where('subject_id', 'in', ids)
    .execute()
  return [...keys, ...limits].map(({ quota_id }) => quota_id)
}
