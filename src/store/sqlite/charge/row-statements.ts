// The statements of a charge on SQLite, in full view, each under its span.
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { QuotaRow, RowCharge } from '../../../quota/charge-plan.ts'
import { quotaState } from '../../../quota/charge-plan.ts'
import type { Quota, QuotaState } from '../../../quota/quota.ts'
import type { Statement } from '../../statement-span.ts'
import { toFailure } from '../errors.ts'
import { spanned } from '../spanned.ts'

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
RETURNING amount, used`

export const READ_ROW = 'SELECT id, amount, used, window_end, usable_until FROM quota WHERE id = ?'

const CHARGE_STATEMENT: Statement = { operation: 'UPDATE', table: 'quota', text: CHARGE }
const READ_STATEMENT: Statement = { operation: 'SELECT', table: 'quota', text: READ_ROW }
const COMMIT_STATEMENT: Statement = { operation: 'COMMIT', table: undefined, text: 'COMMIT' }

/** Statements are prepared when first used: a store may be opened before it is migrated. */
export const createRowStatements = (database: DatabaseSync) => {
  let charge: StatementSync | undefined
  let read: StatementSync | undefined
  return {
    /** The state after the charge, or undefined when the row did not take it. */
    charge: (
      { quota, units, windowStartMs, windowEndMs }: RowCharge,
      nowMs: number,
    ): QuotaState | undefined =>
      spanned(CHARGE_STATEMENT, () => {
        charge ??= database.prepare(CHARGE)
        const values = [quota.id, units, nowMs, windowStartMs, windowEndMs].map((value) => BigInt(value))
        const row = charge.get(...values)
        return row === undefined
          ? undefined
          : quotaState(quota, integer(row['amount']), integer(row['used']), windowEndMs)
      }),
    read: ({ id }: Quota): QuotaRow | undefined =>
      spanned(READ_STATEMENT, () => {
        read ??= database.prepare(READ_ROW)
        const row = read.get(BigInt(id))
        if (row === undefined) return undefined
        return {
          id,
          amount: integer(row['amount']),
          used: integer(row['used']),
          windowEndMs: integer(row['window_end']),
          usableUntilMs: integer(row['usable_until']),
        }
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

const integer = (value: unknown): number => {
  if (typeof value !== 'number') throw new TypeError('a quota row holds whole numbers')
  return value
}
