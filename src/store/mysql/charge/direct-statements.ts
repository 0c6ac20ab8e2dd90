// The statements of a charge on MySQL, MariaDB and TiDB, in full view.
import type { RowCharge } from '../../../quota/charge-plan.ts'
import type { Statement } from '../../statement-span.ts'
import { NOW } from '../session.ts'

const EFFECTIVE_USED = `IF(window_end <= ${NOW}, 0, used)`

/**
 * Takes `units` from one row in a window. Amount, window and usability are in the WHERE, so the row takes all of it or stays
 * as it was; a window that has ended turns here. LAST_INSERT_ID() carries what remains back in the OK packet, which saves
 * a second statement. Each assignment reads only columns that were not assigned before it: servers that assign from left
 * to right (MySQL, MariaDB) and servers that read the old row (TiDB) agree. `units <= amount - used` cannot overflow.
 */
const chargeText = (
  id: string,
  units: string,
  windowStart: string,
  windowEnd: string,
): string => `UPDATE quota SET
  used = amount - LAST_INSERT_ID(amount - ${EFFECTIVE_USED} - ${units}),
  window_start = IF(window_end <= ${NOW}, GREATEST(${windowStart}, window_end), window_start),
  window_end = ${windowEnd}
WHERE id = ${id} AND ${NOW} < usable_until AND ${NOW} < ${windowEnd}
  AND (window_end = ${windowEnd} OR (window_end <= ${NOW} AND ${windowStart} <= ${NOW}))
  AND ${units} <= amount - ${EFFECTIVE_USED}`

export const chargeRow = ({ quota, units, windowStartMs, windowEndMs }: RowCharge): string =>
  chargeText(integer(quota.id), integer(units), integer(windowStartMs), integer(windowEndMs))

export const readRows = (ids: readonly number[]): string => readText(ids.map(integer).join(', '))

const readText = (ids: string): string =>
  `SELECT id, amount, used, window_end, usable_until, ${NOW} AS now_ms FROM quota WHERE id IN (${ids})`

export const CHARGE: Statement = { operation: 'UPDATE', table: 'quota', text: chargeText('?', '?', '?', '?') }
export const READ: Statement = { operation: 'SELECT', table: 'quota', text: readText('?') }
export const BEGIN: Statement = { operation: 'BEGIN', table: undefined, text: 'BEGIN' }
/** Alone in its packet, always: after a charge in the same one, a lost charge could be answered OK. */
export const COMMIT: Statement = { operation: 'COMMIT', table: undefined, text: 'COMMIT' }
export const ROLLBACK: Statement = { operation: 'ROLLBACK', table: undefined, text: 'ROLLBACK' }

/** Nothing but integers enters the text. */
export const integer = (value: number): string => {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a whole number`)
  return String(value)
}
