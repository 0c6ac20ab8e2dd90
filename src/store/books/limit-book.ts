// Limits as people manage them.
import { Rejection } from '../../kernel/failure.ts'
import { parseOwnerPath } from '../../kernel/name.ts'
import type { Change } from '../../keys/change-feed.ts'
import type { LimitBook } from '../../quota/limit-book.ts'
import type { BookDeps, WriteScope } from './book-database.ts'
import { insertLimit, insertQuota } from './insert-limit.ts'
import { MAX_LIMITS } from './key-input.ts'
import { parseLimit } from './limit-input.ts'
import { lockKey, lockOwnerChain } from './locks.ts'
import { KEY_ID_PREFIX } from './public-id.ts'
import type { LimitRow } from './read-limits.ts'
import { listLimits, noSuchLimit, selectLimit, toLimit } from './read-limits.ts'
import { keyUsableUntil, ownersUsableUntil, retireQuotas } from './usability.ts'

export const createLimitBook = ({ database, clock }: BookDeps): LimitBook => ({
  createLimit: async (subject, draft) => {
    const limit = parseLimit(draft)
    if (!isKeySubject(subject)) parseOwnerPath(subject)
    const row = await database.write(async (scope) => {
      const { subjectId, usableUntil } = await lockSubject(scope, subject)
      await refuseTooMany(scope, subjectId, subject)
      scope.changed(changeOf(subject, subjectId))
      return selectLimit(scope.tx, await insertLimit(scope, { subjectId, subject, limit, usableUntil }))
    })
    return toLimit(row, clock.now())
  },

  updateLimit: async (id, change) => {
    const row = await database.write(async (scope) => {
      const before = await selectLimit(scope.tx, id)
      const { usableUntil } = await lockSubject(scope, before.subject)
      const current = await selectLimit(scope.tx, id)
      scope.changed(changeOf(current.subject, current.subject_id))
      await writeLimit(scope, current, change, usableUntil)
      return selectLimit(scope.tx, id)
    })
    return toLimit(row, clock.now())
  },

  deleteLimit: async (id) => {
    await database.write(async (scope) => {
      const before = await selectLimit(scope.tx, id)
      await lockSubject(scope, before.subject)
      const { quota_id, subject, subject_id } = await selectLimit(scope.tx, id)
      scope.changed(changeOf(subject, subject_id))
      const { numDeletedRows } = await scope.tx
        .deleteFrom('quota_limit')
        .where('id', '=', id)
        .executeTakeFirstOrThrow()
      if (numDeletedRows !== 1n) throw noSuchLimit(id)
      await retireQuotas(scope, [quota_id])
    })
  },

  listLimits: async (subject) => {
    if (subject !== undefined && !isKeySubject(subject)) parseOwnerPath(subject)
    const rows = await database.read((db) => listLimits(db, subject))
    const nowMs = clock.now()
    return rows.map((row) => toLimit(row, nowMs))
  },
})

/** No organisation's name begins like this. */
const isKeySubject = (subject: string): boolean => subject.startsWith(KEY_ID_PREFIX)

const changeOf = (subject: string, id: string): Change => ({
  kind: isKeySubject(subject) ? 'key' : 'owner',
  id,
})

/** Holds whatever decides until when the subject's rows may be charged. */
const lockSubject = async (
  scope: WriteScope,
  subject: string,
): Promise<Readonly<{ subjectId: string; usableUntil: number }>> => {
  if (!isKeySubject(subject)) {
    const owners = await lockOwnerChain(scope, subject)
    return { subjectId: owners.at(-1)?.id ?? '', usableUntil: ownersUsableUntil(owners) }
  }
  const { key, owners } = await lockKey(scope, subject)
  if (key.revoked_at !== null) throw new Rejection('conflict', `key ${key.id} is revoked, for ever`)
  return { subjectId: key.id, usableUntil: keyUsableUntil(key, ownersUsableUntil(owners)) }
}

const refuseTooMany = async ({ tx }: WriteScope, subjectId: string, subject: string): Promise<void> => {
  const limits = await tx.selectFrom('quota_limit').select('id').where('subject_id', '=', subjectId).execute()
  if (limits.length >= MAX_LIMITS)
    throw new Rejection('conflict', `${subject} has ${MAX_LIMITS} limits, which is the most`)
}

const writeLimit = async (
  scope: WriteScope,
  row: LimitRow,
  change: Parameters<LimitBook['updateLimit']>[1],
  usableUntil: number,
): Promise<void> => {
  const { tx } = scope
  const { unit } = toLimit(row, 0)
  const { period, zone, amount } = parseLimit({ ...toLimit(row, 0), ...change, unit })
  if (period === row.period && zone === row.zone) {
    await tx.updateTable('quota').set({ amount }).where('id', '=', row.quota_id).execute()
    await tx.updateTable('quota_limit').set({ amount }).where('id', '=', row.id).execute()
    return
  }
  await refuseTwin(scope, row, period, zone)
  await retireQuotas(scope, [row.quota_id])
  const quotaId = await insertQuota(scope, amount, usableUntil)
  await tx
    .updateTable('quota_limit')
    .set({ period, zone, amount, quota_id: quotaId })
    .where('id', '=', row.id)
    .execute()
}

const refuseTwin = async ({ tx }: WriteScope, row: LimitRow, period: string, zone: string): Promise<void> => {
  const twin = await tx
    .selectFrom('quota_limit')
    .select('id')
    .where('subject_id', '=', row.subject_id)
    .where('unit', '=', row.unit)
    .where('period', '=', period)
    .where('zone', '=', zone)
    .executeTakeFirst()
  if (twin !== undefined)
    throw new Rejection(
      'conflict',
      `${row.subject} has a limit of ${row.unit} per ${period} in zone ${zone} already: limit ${twin.id}`,
    )
}
