// Reading limits together with what their rows have used.
import { Rejection } from '../../kernel/failure.ts'
import type { Limit } from '../../quota/limit-book.ts'
import type { Period, Unit } from '../../quota/quota.ts'
import { FOREVER, PERIODS, UNITS } from '../../quota/quota.ts'
import { currentWindow } from '../../quota/window.ts'
import type { Database } from '../schema.ts'
import { noSuchKey, noSuchOwner } from './locks.ts'
import { isKeyId, KEY_ID_PREFIX } from './public-id.ts'

export type LimitRow = Awaited<ReturnType<typeof selectLimit>>

export const selectLimit = async (db: Database, id: number) => {
  const row = Number.isSafeInteger(id)
    ? await selectLimits(db).where('l.id', '=', id).executeTakeFirst()
    : undefined
  if (row === undefined) throw noSuchLimit(id)
  return withSubject(row)
}

export const listLimits = async (db: Database, subject: string | undefined): Promise<readonly LimitRow[]> => {
  let query = selectLimits(db).orderBy('l.id')
  if (subject !== undefined) query = query.where('l.subject_id', '=', await subjectIdOf(db, subject))
  return (await query.execute()).map(withSubject)
}

export const toLimit = (row: LimitRow, nowMs: number): Limit => {
  const period = knownPeriod(row.period)
  const open = row.window_end > nowMs
  const endMs = open ? row.window_end : currentWindow(period, row.zone, nowMs).endMs
  return {
    id: row.id,
    subject: row.subject,
    unit: knownUnit(row.unit),
    period,
    zone: row.zone,
    amount: row.amount,
    used: open ? row.used : 0,
    resetsAtMs: endMs === FOREVER ? undefined : endMs,
  }
}

export const noSuchLimit = (id: number): Rejection => new Rejection('not_found', `limit ${id} does not exist`)

const selectLimits = (db: Database) =>
  db
    .selectFrom('quota_limit as l')
    .innerJoin('quota as q', 'q.id', 'l.quota_id')
    .leftJoin('owner as o', 'o.id', 'l.subject_id')
    .select(['l.id', 'l.subject_id', 'l.unit', 'l.period', 'l.zone', 'l.amount', 'l.quota_id'])
    .select(['q.used', 'q.window_end', 'o.path'])

const withSubject = <Row extends { readonly subject_id: string; readonly path: string | null }>(
  row: Row,
) => ({
  ...row,
  subject: row.path ?? row.subject_id,
})

const subjectIdOf = async (db: Database, subject: string): Promise<string> => {
  if (subject.startsWith(KEY_ID_PREFIX)) {
    const key = isKeyId(subject)
      ? await db.selectFrom('virtual_key').select('id').where('id', '=', subject).executeTakeFirst()
      : undefined
    if (key === undefined) throw noSuchKey(subject)
    return key.id
  }
  const owner = await db.selectFrom('owner').select('id').where('path', '=', subject).executeTakeFirst()
  if (owner === undefined) throw noSuchOwner(subject)
  return owner.id
}

export const knownUnit = (value: string): Unit => {
  const unit = UNITS.find((candidate) => candidate === value)
  if (unit === undefined) throw new Error(`the store holds a limit in ${value}, a unit unknown here`)
  return unit
}

export const knownPeriod = (value: string): Period => {
  const period = PERIODS.find((candidate) => candidate === value)
  if (period === undefined) throw new Error(`the store holds a limit per ${value}, a period unknown here`)
  return period
}
