// The charge on SQLite: one transaction, begun and ended within one turn of the event loop.
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Clock } from '../../kernel/clock.ts'
import { Failure } from '../../kernel/failure.ts'
import type { Quota, QuotaState } from '../../quota/quota.ts'
import type { ChargeOutcome, QuotaLedger } from '../../quota/quota-ledger.ts'
import type { QuotaRow, RowCharge } from '../charge-plan.ts'
import {
  assertChargeable,
  classifyRefusal,
  createKnownWindows,
  inAskedOrder,
  planCharge,
  quotaState,
  stateOfRow,
} from '../charge-plan.ts'
import type { Statement } from '../statement-span.ts'
import { startStatementSpan } from '../statement-span.ts'
import { toFailure, whenNotBusy } from './errors.ts'

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

/** Only an unforeseen window, or another process between the refusal and its reading, makes another attempt necessary. */
const MAX_ATTEMPTS = 4

type Attempt = Readonly<{ charged: readonly QuotaState[] }> | Readonly<{ refused: readonly QuotaRow[] }>

export const createSqliteLedger = (database: DatabaseSync, clock: Clock): QuotaLedger => {
  const known = createKnownWindows()
  const rows = createRowStatements(database)

  const attempt = (plan: readonly RowCharge[], nowMs: number): Attempt => {
    const charged: QuotaState[] = []
    for (const row of plan) {
      const state = rows.charge(row, nowMs)
      if (state === undefined) {
        database.exec('ROLLBACK')
        return { refused: plan.flatMap(({ quota }) => rows.read(quota) ?? []) }
      }
      charged.push(state)
    }
    rows.commit()
    return { charged }
  }

  return {
    charge: async (quotas, units, call) => {
      assertChargeable(quotas, units)
      for (let tries = 0; tries < MAX_ATTEMPTS; tries += 1) {
        const outcome = await whenNotBusy(call, clock, (): ChargeOutcome | undefined => {
          database.exec('BEGIN IMMEDIATE')
          call.storeWrites += 1
          try {
            const nowMs = clock.now()
            const result = attempt(planCharge(quotas, units, nowMs, known), nowMs)
            if ('charged' in result)
              return { outcome: 'charged', states: inAskedOrder(quotas, result.charged) }
            call.storeReads += 1
            known.learn(result.refused, quotas, nowMs)
            return classifyRefusal(quotas, units, result.refused, nowMs)
          } finally {
            if (database.isTransaction) database.exec('ROLLBACK')
          }
        })
        if (outcome !== undefined) return outcome
      }
      throw new Failure('overloaded', 'the rows of this charge kept changing')
    },

    peek: (quotas, call) => {
      call.storeReads += 1
      return whenNotBusy(call, clock, () => {
        const nowMs = clock.now()
        return quotas.flatMap((quota) => {
          const row = rows.read(quota)
          return row === undefined ? [] : stateOfRow(quota, row, nowMs)
        })
      })
    },
  }
}

/** Statements are prepared when first used: a store may be opened before it is migrated. */
const createRowStatements = (database: DatabaseSync) => {
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

const spanned = <T>(statement: Statement, work: () => T): T => {
  const span = startStatementSpan('sqlite', statement)
  try {
    return work()
  } catch (error) {
    span.fail(error)
    throw error
  } finally {
    span.end()
  }
}

const integer = (value: unknown): number => {
  if (typeof value !== 'number') throw new TypeError('a quota row holds whole numbers')
  return value
}
