// What will end by itself: keys that expire, and secrets whose grace after a rotation ends.
import type { Expiring, ExpiringFilter } from '../../keys/key-book.ts'
import type { Database } from '../schema.ts'
import { requireOwner, selectKeys } from './read-keys.ts'
import { atOrBelow } from './usability.ts'

/** The next to end first. What has ended already, or belongs to a revoked key, is not among them. */
export const listExpiring = async (
  db: Database,
  { untilMs, ownerPath }: ExpiringFilter,
  nowMs: number,
): Promise<readonly Expiring[]> => {
  if (ownerPath !== undefined) await requireOwner(db, ownerPath)
  let keys = selectKeys(db)
    .where('k.revoked_at', 'is', null)
    .where('k.expires_at', '>', nowMs)
    .where('k.expires_at', '<=', untilMs)
  let secrets = selectKeys(db)
    .innerJoin('key_secret as s', 's.key_id', 'k.id')
    .select(['s.hint as secret_hint', 's.not_after'])
    .where('k.revoked_at', 'is', null)
    .where('s.not_after', '>', nowMs)
    .where('s.not_after', '<=', untilMs)
  if (ownerPath !== undefined) {
    keys = keys.where(atOrBelow(ownerPath))
    secrets = secrets.where(atOrBelow(ownerPath))
  }
  const found = [
    ...(await keys.execute()).map((key) => ({
      what: 'key' as const,
      key,
      hint: key.hint,
      endsAt: key.expires_at,
    })),
    ...(await secrets.execute()).map((key) => ({
      what: 'secret' as const,
      key,
      hint: key.secret_hint ?? '',
      endsAt: key.not_after,
    })),
  ]
  return found
    .map(({ what, key, hint, endsAt }) => ({
      what,
      keyId: key.id,
      name: key.name,
      ownerPath: key.path,
      hint,
      endsAtMs: endsAt ?? 0,
    }))
    .toSorted((a, b) => a.endsAtMs - b.endsAtMs || (a.keyId < b.keyId ? -1 : 1))
}
