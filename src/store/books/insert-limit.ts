// A new limit: what people set, and a fresh hot row for it.
import { Rejection } from '../../kernel/failure.ts'
import type { LimitDraft } from '../../quota/limit-book.ts'
import type { WriteScope } from './book-database.ts'

/** Returns the id of the limit. Throws conflict when the subject has one of that unit, period and zone. */
export const insertLimit = async (
  scope: WriteScope,
  {
    subjectId,
    subject,
    limit,
    usableUntil,
  }: { subjectId: string; subject: string; limit: LimitDraft; usableUntil: number },
): Promise<number> => {
  const { unit, period, zone, amount } = limit
  const twin = await scope.tx
    .selectFrom('quota_limit')
    .select('id')
    .where('subject_id', '=', subjectId)
    .where('unit', '=', unit)
    .where('period', '=', period)
    .where('zone', '=', zone)
    .executeTakeFirst()
  if (twin !== undefined)
    throw new Rejection(
      'conflict',
      `${subject} has a limit of ${unit} per ${period} in zone ${zone} already: limit ${twin.id}`,
    )
  const quotaId = await insertQuota(scope, amount, usableUntil)
  const { insertId } = await scope.tx
    .insertInto('quota_limit')
    .values({ subject_id: subjectId, unit, period, zone, amount, quota_id: quotaId })
    .executeTakeFirstOrThrow()
  return Number(insertId)
}

/**
 * Its window is born ended, long ago, and not at this instant: a clock that then steps back would find it still open, and a
 * total would turn once.
 */
export const insertQuota = async (
  { tx }: WriteScope,
  amount: number,
  usableUntil: number,
): Promise<number> => {
  const { insertId } = await tx
    .insertInto('quota')
    .values({ amount, usable_until: usableUntil })
    .executeTakeFirstOrThrow()
  return Number(insertId)
}
