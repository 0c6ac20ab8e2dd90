// Other forms of a group's UPDATE than the one that is used; each charges the same rows the same way.
import type { GroupRow } from '../src/quota/group-writer.ts'
import { chargeGroup } from '../src/store/mysql/charge/group-statement.ts'
import { NOW } from '../src/store/mysql/session.ts'

type Pick = (row: GroupRow) => number

const DAY_MS = 86_400_000

/** As in the stacked load: days and months of an organisation and its teams, minutes and months of keys. */
export const groupOf = (size: number, nowMs: number): readonly GroupRow[] =>
  Array.from({ length: size }, (_, at) => {
    const isShared = at < SHARED_ROWS
    const lengthMs = at % 2 === 1 ? 30 * DAY_MS : isShared ? DAY_MS : 60_000
    const windowStartMs = nowMs - (nowMs % lengthMs)
    const units = at < 2 ? 100 : isShared ? 8 + (at % 5) : at % 7 === 0 ? 2 : 1
    return { id: at + 1, units, windowStartMs, windowEndMs: windowStartMs + lengthMs }
  })

const SHARED_ROWS = 22

const caseForEach = (rows: readonly GroupRow[], pick: Pick) =>
  `CASE id ${rows.map((row) => `WHEN ${row.id} THEN ${pick(row)}`).join(' ')} END`

const caseOrElse = (rows: readonly GroupRow[], pick: Pick) => {
  const values = rows.map(pick)
  const count = (value: number) => values.filter((other) => other === value).length
  const usual = values.toSorted((a, b) => count(b) - count(a))[0] ?? 0
  const others = rows.filter((row) => pick(row) !== usual)
  if (others.length === 0) return `${usual}`
  return `CASE id ${others.map((row) => `WHEN ${row.id} THEN ${pick(row)}`).join(' ')} ELSE ${usual} END`
}

/** ELT gives a text. */
const eltOfField = (rows: readonly GroupRow[], pick: Pick) =>
  `CAST(ELT(FIELD(id, ${rows.map(({ id }) => id).join(',')}), ${rows.map(pick).join(',')}) AS SIGNED)`

const ifInIf = (rows: readonly GroupRow[], pick: Pick) =>
  `${rows.map((row) => `IF(id = ${row.id}, ${pick(row)}, `).join('')}0${')'.repeat(rows.length)}`

const inPlace = (told: (rows: readonly GroupRow[], pick: Pick) => string) => (rows: readonly GroupRow[]) => {
  const units = told(rows, (row) => row.units)
  const windowStart = told(rows, (row) => row.windowStartMs)
  const windowEnd = told(rows, (row) => row.windowEndMs)
  const ids = rows.map(({ id }) => id)
  return `UPDATE quota FORCE INDEX (PRIMARY) ${assigned(units, windowStart, windowEnd)} WHERE id IN (${ids.join(',')})`
}

const joined = (rows: readonly GroupRow[]): string => {
  const values = rows.map(
    ({ id, units, windowStartMs, windowEndMs }) =>
      `SELECT ${id} AS row_id, ${units} AS units, ${windowStartMs} AS from_ms, ${windowEndMs} AS to_ms`,
  )
  return `UPDATE (${values.join(' UNION ALL ')}) AS g STRAIGHT_JOIN quota ON id = row_id
    ${assigned('units', 'from_ms', 'to_ms')}`
}

const EFFECTIVE_USED = `IF(window_end <= ${NOW}, 0, used)`

const assigned = (units: string, windowStart: string, windowEnd: string): string =>
  `SET used = IF(${NOW} < usable_until AND ${NOW} < ${windowEnd}
      AND (window_end = ${windowEnd} OR (window_end <= ${NOW} AND ${windowStart} <= ${NOW}))
      AND ${units} <= amount - ${EFFECTIVE_USED}, ${EFFECTIVE_USED} + ${units}, -1),
    window_start = IF(window_end <= ${NOW}, GREATEST(${windowStart}, window_end), window_start),
    window_end = ${windowEnd}`

export const FORMS: readonly Readonly<{ name: string; text: (rows: readonly GroupRow[]) => string }>[] = [
  { name: 'CASE WHEN id IN, by value', text: chargeGroup },
  { name: 'CASE id WHEN, the usual value as ELSE', text: inPlace(caseOrElse) },
  { name: 'CASE id WHEN, each row', text: inPlace(caseForEach) },
  { name: 'CAST(ELT(FIELD))', text: inPlace(eltOfField) },
  { name: 'IF in IF', text: inPlace(ifInIf) },
  { name: 'join with UNION ALL', text: joined },
]
