// The statement of a group of charges on MySQL, MariaDB and TiDB, in full view.
import type { GroupRow } from '../../../quota/group-writer.ts'
import type { Statement } from '../../statement-span.ts'
import { NOW } from '../session.ts'
import { integer } from './direct-statements.ts'

const EFFECTIVE_USED = `IF(window_end <= ${NOW}, 0, used)`

/**
 * Takes each row's units in the window that is named for it, from all rows or from none: a row that is not usable, not in that window, or has
 * too little room is given used = -1, which breaks the CHECK charge_fits; the statement fails and everything stays as it was. A WHERE
 * would skip such a row and charge the others. Autocommit: this alone is the charge, and its OK is the acknowledgement.
 *
 * NOW is fixed when the statement begins, so it cannot be what decides after a wait for a lock: the window is named by the
 * caller, and a row that was turned meanwhile raises. Each assignment reads only columns that were not assigned before it, so servers that assign
 * from left to right (MySQL, MariaDB) and servers that read the old row (TiDB) agree. `INC <= amount - used` cannot overflow.
 */
export const chargeGroup = (rows: readonly GroupRow[]): string => {
  const units = byRow(rows, (row) => row.units)
  const windowStart = byRow(rows, (row) => row.windowStartMs)
  const windowEnd = byRow(rows, (row) => row.windowEndMs)
  return chargeText(units, windowStart, windowEnd, idsOf(rows.map(({ id }) => id)))
}

const chargeText = (units: string, windowStart: string, windowEnd: string, ids: string): string =>
  `UPDATE quota FORCE INDEX (PRIMARY) SET
  used = IF(${NOW} < usable_until AND ${NOW} < ${windowEnd}
    AND (window_end = ${windowEnd} OR (window_end <= ${NOW} AND ${windowStart} <= ${NOW}))
    AND ${units} <= amount - ${EFFECTIVE_USED}, ${EFFECTIVE_USED} + ${units}, -1),
  window_start = IF(window_end <= ${NOW}, GREATEST(${windowStart}, window_end), window_start),
  window_end = ${windowEnd}
WHERE id IN (${ids})`

const COLUMNS = `id, amount, used, window_end, usable_until, ${NOW} AS now_ms`

/** The next view, and the database's clock. */
export const readGroup = (ids: readonly number[]): string => readText(idsOf(ids))

const readText = (ids: string): string =>
  `SELECT ${COLUMNS} FROM quota FORCE INDEX (PRIMARY) WHERE id IN (${ids})`

/** In the order of ids, as every charge locks them. */
export const lockGroup = (ids: readonly number[]): string =>
  `BEGIN; ${readText(idsOf(ids))} ORDER BY id FOR UPDATE`

export const GROUP_CHARGE: Statement = {
  operation: 'UPDATE',
  table: 'quota',
  text: `${chargeText('?', '?', '?', '?')}; ${readText('?')}`,
}
export const GROUP_READ: Statement = { operation: 'SELECT', table: 'quota', text: readText('?') }
export const GROUP_LOCK: Statement = {
  operation: 'SELECT',
  table: 'quota',
  text: `BEGIN; ${readText('?')} ORDER BY id FOR UPDATE`,
}
export const LOCKED_CHARGE: Statement = {
  operation: 'UPDATE',
  table: 'quota',
  text: chargeText('?', '?', '?', '?'),
}

const idsOf = (ids: readonly number[]): string => ids.map(integer).join(',')

/** One number when all rows agree; else by id, with the most frequent one as what remains. */
const byRow = (rows: readonly GroupRow[], pick: (row: GroupRow) => number): string => {
  const counts = new Map<number, number>()
  for (const row of rows) counts.set(pick(row), (counts.get(pick(row)) ?? 0) + 1)
  const [usual = 0] = [...counts].reduce((most, next) => (next[1] > most[1] ? next : most), [0, 0])
  const others = rows.filter((row) => pick(row) !== usual)
  if (others.length === 0) return integer(usual)
  const cases = others.map((row) => `WHEN ${integer(row.id)} THEN ${integer(pick(row))}`)
  return `CASE id ${cases.join(' ')} ELSE ${integer(usual)} END`
}
