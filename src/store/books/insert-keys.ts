// Creating keys: all of them or none, each with the quota row that mirrors its usability.
import { Rejection } from '../../kernel/failure.ts'
import type { KeyDraft, KeyRecord } from '../../keys/key-book.ts'
import { NO_LABELS } from '../../keys/virtual-key.ts'
import { FOREVER } from '../../quota/quota.ts'
import { rulesToColumns } from '../rules-columns.ts'
import type { DatabaseTransaction } from '../schema.ts'
import type { WriteScope } from './book-database.ts'
import { insertLimit, insertQuota } from './insert-limit.ts'
import { MAX_DRAFTS } from './key-input.ts'
import { labelsToColumn } from './labels-input.ts'
import type { KeyRow } from './locks.ts'
import { chainFrom, lockOwners } from './locks.ts'
import { createPublicId } from './public-id.ts'
import { toRecord } from './read-keys.ts'
import { requireRegistered } from './rules-input.ts'
import { keyUsableUntil, ownersUsableUntil } from './usability.ts'

export const insertKeys = async (
  scope: WriteScope,
  drafts: readonly KeyDraft[],
  nowMs: number,
): Promise<readonly KeyRecord[]> => {
  if (drafts.length > MAX_DRAFTS)
    throw new Rejection('invalid', `at most ${MAX_DRAFTS} keys are created at once`)
  await requireRegistered(scope, {
    policies: drafts.flatMap(({ rules }) => rules.policies),
    guardrails: drafts.flatMap(({ rules }) => rules.guardrails),
  })
  const locked = await lockOwners(
    scope,
    drafts.map(({ ownerPath }) => ownerPath),
  )
  const keys: { draft: KeyDraft; row: KeyRow }[] = []
  for (const draft of drafts) {
    const owners = chainFrom(locked, draft.ownerPath)
    const row = await insertQuotas(
      scope,
      draft,
      keyRow(draft, owners.at(-1)?.id ?? '', nowMs),
      ownersUsableUntil(owners),
    )
    keys.push({ draft, row })
  }
  await insertRows(scope.tx, keys)
  return keys.map(({ draft, row }) => toRecord({ ...row, path: draft.ownerPath }))
}

const keyRow = (draft: KeyDraft, ownerId: string, nowMs: number): Omit<KeyRow, 'quota_id'> => ({
  id: createPublicId('key'),
  owner_id: ownerId,
  name: draft.name,
  hint: draft.hint,
  disabled: draft.disabled === true ? 1 : 0,
  revoked_at: null,
  not_before: draft.notBeforeMs ?? null,
  expires_at: draft.expiresAtMs ?? null,
  fail_mode: draft.failMode ?? 'closed',
  shadow: draft.shadow === true ? 1 : 0,
  labels: labelsToColumn(draft.labels ?? NO_LABELS),
  ...rulesToColumns(draft.rules),
  created_at: nowMs,
})

/** One insert for each quota row: only so is its id known on every server, clusters with id steps included. */
const insertQuotas = async (
  scope: WriteScope,
  draft: KeyDraft,
  key: Omit<KeyRow, 'quota_id'>,
  ownersUntil: number,
): Promise<KeyRow> => {
  const usableUntil = keyUsableUntil(key, ownersUntil)
  const quotaId = await insertQuota(scope, FOREVER, usableUntil)
  for (const limit of draft.limits)
    await insertLimit(scope, { subjectId: key.id, subject: key.id, limit, usableUntil })
  return { ...key, quota_id: quotaId }
}

const ROWS_PER_STATEMENT = 100

const insertRows = async (
  tx: DatabaseTransaction,
  keys: readonly { draft: KeyDraft; row: KeyRow }[],
): Promise<void> => {
  for (let at = 0; at < keys.length; at += ROWS_PER_STATEMENT) {
    const chunk = keys.slice(at, at + ROWS_PER_STATEMENT)
    await tx
      .insertInto('virtual_key')
      .values(chunk.map(({ row }) => row))
      .execute()
    const secrets = chunk.map(({ draft, row }) => firstSecret(draft, row))
    await tx.insertInto('key_secret').values(secrets).execute()
  }
}

const firstSecret = (draft: KeyDraft, { id, hint, created_at }: KeyRow) => ({
  hash: draft.digest,
  key_id: id,
  not_after: null,
  hint,
  created_at,
})
