// Rotating a key: a second secret comes, the first one gets an end, and the same request again changes nothing.
import type { Selectable } from 'kysely'
import { Rejection } from '../../kernel/failure.ts'
import type { LiveSecret, Rotation, RotationDraft } from '../../keys/key-book.ts'
import type { Database, KeySecretTable } from '../schema.ts'
import type { WriteScope } from './book-database.ts'
import { lockKey, refuseRevoked } from './locks.ts'

type SecretRow = Selectable<KeySecretTable>

/** A year: longer, and it is a second key. */
const MAX_GRACE_MS = 366 * 86_400_000

export const parseRotation = (draft: RotationDraft): RotationDraft => {
  const { digest, hint, graceMs, request } = draft
  if (digest.length !== 32 || (request !== undefined && request.digest.length !== 32))
    throw new Rejection('invalid', 'the digest of a secret or a request has 32 bytes')
  if (request !== undefined && request.salt.length !== 16)
    throw new Rejection('invalid', 'a salt has 16 bytes')
  if (!/^[\x21-\x7e]{0,16}$/.test(hint))
    throw new Rejection('invalid', 'a hint is at most 16 visible ASCII characters')
  if (!Number.isSafeInteger(graceMs) || graceMs < 0 || graceMs > MAX_GRACE_MS)
    throw new Rejection('invalid', 'a grace is from 0s to 366d')
  return draft
}

/** `now` is asked once the key is locked. */
export const rotateKey = async (
  scope: WriteScope,
  id: string,
  draft: RotationDraft,
  now: () => number,
): Promise<Rotation> => {
  const { key } = await lockKey(scope, id)
  refuseRevoked(key)
  const nowMs = now()
  const earlier = await findRequest(scope.tx, draft)
  if (earlier !== undefined) return repeatedRotation(earlier, id, draft, nowMs)
  const live = await selectLive(scope.tx, id, nowMs)
  refuseSecondGrace(id, live, draft)
  for (const secret of live) {
    const endsAtMs = secret.not_after === null ? nowMs + draft.graceMs : nowMs
    await scope.tx
      .updateTable('key_secret')
      .set({ not_after: endsAtMs, hint: secret.hint ?? key.hint })
      .where('hash', '=', secret.hash)
      .execute()
  }
  const secret: SecretRow = {
    hash: draft.digest,
    key_id: id,
    not_after: null,
    hint: draft.hint,
    created_at: nowMs,
    request: draft.request?.digest ?? null,
    salt: draft.request?.salt ?? null,
    grace_ms: draft.graceMs,
  }
  await scope.tx.insertInto('key_secret').values(secret).execute()
  await scope.tx.updateTable('virtual_key').set({ hint: draft.hint }).where('id', '=', id).execute()
  scope.changed({ kind: 'key', id })
  return toRotation(secret, false)
}

/** Of one key, the newest first. */
export const liveSecretsOf = async (
  db: Database,
  key: Readonly<{ id: string; hint: string }>,
  nowMs: number,
): Promise<readonly LiveSecret[]> => {
  const rows = await selectLive(db, key.id, nowMs)
  return rows
    .toSorted((a, b) => (b.not_after ?? Infinity) - (a.not_after ?? Infinity))
    .map(({ hint, created_at, not_after }) => ({
      hint: hint ?? key.hint,
      createdAtMs: created_at ?? undefined,
      endsAtMs: not_after ?? undefined,
    }))
}

const selectLive = async (db: Database, id: string, nowMs: number): Promise<readonly SecretRow[]> => {
  const rows = await db.selectFrom('key_secret').selectAll().where('key_id', '=', id).execute()
  return rows.filter(({ not_after }) => not_after === null || not_after > nowMs)
}

const findRequest = async (db: Database, { request }: RotationDraft): Promise<SecretRow | undefined> =>
  request === undefined
    ? undefined
    : db.selectFrom('key_secret').selectAll().where('request', '=', request.digest).executeTakeFirst()

/** The answer of the first call, as long as what it gave is worth anything. */
const repeatedRotation = (earlier: SecretRow, id: string, draft: RotationDraft, nowMs: number): Rotation => {
  if (earlier.key_id !== id || earlier.grace_ms !== draft.graceMs)
    throw new Rejection(
      'conflict',
      'this idempotency key named a rotation of another key or with another grace',
    )
  if (earlier.not_after !== null && earlier.not_after <= nowMs)
    throw new Rejection(
      'conflict',
      `the secret of that rotation of key ${id} was itself replaced, and has ended; take a new idempotency key`,
    )
  return toRotation(earlier, true)
}

const refuseSecondGrace = (id: string, live: readonly SecretRow[], { force }: RotationDraft): void => {
  const [ending] = live.flatMap(({ hint, not_after }) => (not_after === null ? [] : [{ hint, not_after }]))
  if (ending === undefined || force) return
  throw new Rejection(
    'conflict',
    `key ${id} was rotated already: its secret …${ending.hint ?? ''} is accepted until ${new Date(ending.not_after).toISOString()}; rotating by force (--force) ends it at once`,
  )
}

const toRotation = (secret: SecretRow, repeated: boolean): Rotation => {
  const rotatedAtMs = secret.created_at ?? 0
  return {
    keyId: secret.key_id,
    digest: new Uint8Array(secret.hash),
    salt: secret.salt === null ? undefined : new Uint8Array(secret.salt),
    hint: secret.hint ?? '',
    rotatedAtMs,
    graceEndsAtMs: rotatedAtMs + (secret.grace_ms ?? 0),
    repeated,
  }
}
