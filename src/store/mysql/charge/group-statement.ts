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
 *
 * Tried on groups of minutes, days and months (`node bench/statements.ts`, MariaDB 10.11, durable, two cores that others used as well;
 * median ms):
 *
 *   rows                                        1     32    222    256
 *   CASE WHEN id IN (…), ids by value        0.83   1.18   2.28   2.66
 *   CASE id WHEN …, the usual value as ELSE  0.85   1.20   2.69   3.34
 *   CASE id WHEN … for each row              0.78   1.21   3.51   4.21
 *   CAST(ELT(FIELD(id, …), …) AS SIGNED)     0.88   1.25   3.17   4.05
 *   IF(id = …, …, IF(…))                     0.88   1.47   6.24   8.28
 *   join with SELECT … UNION ALL             0.97   1.32   3.14   3.62
 *
 * CASE id compares with one id after the other, IN searches a sorted list; where every row has units of its own the two are even. With its
 * SELECT in the same packet 222 rows take 3.13, in two packets 3.41. One writer takes 2.26 for 222 rows in one UPDATE, 3.52 for them in two,
 * and two writers that share no row take 2.84 for a half each at once: a second writer gains nothing.
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

/** One number when all rows agree; else the ids of each value, with the most frequent one as what remains. */
const byRow = (rows: readonly GroupRow[], pick: (row: GroupRow) => number): string => {
  const idsByValue = new Map<number, number[]>()
  for (const row of rows) {
    const ids = idsByValue.get(pick(row))
    if (ids === undefined) idsByValue.set(pick(row), [row.id])
    else ids.push(row.id)
  }
  const [usual, ...others] = [...idsByValue].sort(([, a], [, b]) => b.length - a.length)
  if (usual === undefined) throw new RangeError('a group has at least one row')
  if (others.length === 0) return integer(usual[0])
  const cases = others.map(([value, ids]) => `WHEN id IN (${idsOf(ids)}) THEN ${integer(value)}`)
  return `CASE ${cases.join(' ')} ELSE ${integer(usual[0])} END`
}
