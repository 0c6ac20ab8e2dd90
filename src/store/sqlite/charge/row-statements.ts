// The statements of a charge on SQLite, in full view, each under its span.
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { QuotaRow } from '../../../quota/charge-plan.ts'
import type { GroupRow } from '../../../quota/group-writer.ts'
import { toQuotaRow } from '../../quota-row.ts'
import type { Statement } from '../../statement-span.ts'
import { toFailure } from '../errors.ts'
import { spanned } from '../spanned.ts'

const COLUMNS = 'id, amount, used, window_end, usable_until'

/**
 * Takes ?2 units from row ?1 at ?3 in the window [?4, ?5). Amount, window and usability are in the WHERE, so the row takes
 * all of it or stays as it was; a window that has ended turns here.
 */
export const CHARGE = `UPDATE quota SET
  used = CASE WHEN window_end <= ?3 THEN 0 ELSE used END + ?2,
  window_start = CASE WHEN window_end <= ?3 THEN max(?4, window_end) ELSE window_start END,
  window_end = ?5
WHERE id = ?1 AND ?3 < usable_until AND ?3 < ?5
  AND (window_end = ?5 OR (window_end <= ?3 AND ?4 <= ?3))
  AND ?2 <= amount - CASE WHEN window_end <= ?3 THEN 0 ELSE used END
RETURNING ${COLUMNS}`

export const READ_ROW = `SELECT ${COLUMNS} FROM quota WHERE id = ?`

const CHARGE_STATEMENT: Statement = { operation: 'UPDATE', table: 'quota', text: CHARGE }
const READ_STATEMENT: Statement = { operation: 'SELECT', table: 'quota', text: READ_ROW }
const COMMIT_STATEMENT: Statement = { operation: 'COMMIT', table: undefined, text: 'COMMIT' }

export type RowStatements = Readonly<{
  /** The row after the charge, or undefined when it did not take it. */
  charge(row: GroupRow, nowMs: number): QuotaRow | undefined
  read(id: number): QuotaRow | undefined
  /** Throws Failure with chargeUnknown. */
  commit(): void
}>

/** Statements are prepared when first used: a store may be opened before it is migrated. */
export const createRowStatements = (database: DatabaseSync): RowStatements => {
  let charge: StatementSync | undefined
  let read: StatementSync | undefined
  const prepare = (text: string): StatementSync => {
    const statement = database.prepare(text)
    // Or a number beyond 2^53 would be an error where it is read.
    statement.setReadBigInts(true)
    return statement
  }
  return {
    charge: ({ id, units, windowStartMs, windowEndMs }, nowMs) =>
      spanned(CHARGE_STATEMENT, () => {
        charge ??= prepare(CHARGE)
        const values = [id, units, nowMs, windowStartMs, windowEndMs].map((value) => BigInt(value))
        const row = charge.get(...values)
        return row === undefined ? undefined : toQuotaRow(row)
      }),
    read: (id) =>
      spanned(READ_STATEMENT, () => {
        read ??= prepare(READ_ROW)
        const row = read.get(BigInt(id))
        return row === undefined ? undefined : toQuotaRow(row)
      }),
    commit: () =>
      spanned(COMMIT_STATEMENT, () => {
        try {
          database.exec('COMMIT')
        } catch (error) {
          // The log may or may not have reached the disk: the units are lost, and never used.
          throw toFailure(error, true)
        }
      }),
  }
}
