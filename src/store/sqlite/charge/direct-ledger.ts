// The charge on SQLite: one transaction, begun and ended within one turn of the event loop.
import type { DatabaseSync } from 'node:sqlite'
import type { Call } from '../../../kernel/call.ts'
import type { Clock } from '../../../kernel/clock.ts'
import { Failure } from '../../../kernel/failure.ts'
import type { KnownWindows, QuotaRow, RowCharge } from '../../../quota/charge-plan.ts'
import {
  assertChargeable,
  classifyRefusal,
  createKnownWindows,
  inAskedOrder,
  planCharge,
  quotaState,
  stateOfRow,
} from '../../../quota/charge-plan.ts'
import type { Quota, QuotaState } from '../../../quota/quota.ts'
import type { ChargeOutcome, QuotaLedger } from '../../../quota/quota-ledger.ts'
import { whenNotBusy } from '../errors.ts'
import type { RowStatements } from './row-statements.ts'
import { createRowStatements } from './row-statements.ts'

/** Only an unforeseen window, or another process between the refusal and its reading, makes another attempt necessary. */
const MAX_ATTEMPTS = 4

type Deps = Readonly<{
  database: DatabaseSync
  clock: Clock
  known: KnownWindows
  rows: RowStatements
}>

export const createSqliteDirectLedger = (database: DatabaseSync, clock: Clock): QuotaLedger => {
  const deps = { database, clock, known: createKnownWindows(), rows: createRowStatements(database) }
  return {
    charge: async (quotas, units, call) => {
      assertChargeable(quotas, units)
      for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
        const outcome = await whenNotBusy(call, clock, () => chargeOnce(deps, quotas, units, call))
        if (outcome !== undefined) return outcome
      }
      throw new Failure('overloaded', 'the rows of this charge kept changing')
    },

    peek: (quotas, call) => {
      call.storeReads += 1
      return whenNotBusy(call, clock, () => {
        const nowMs = clock.now()
        return quotas.flatMap((quota) => {
          const row = deps.rows.read(quota.id)
          return row === undefined ? [] : stateOfRow(quota, row, nowMs)
        })
      })
    },
  }
}

/** undefined: nothing was charged, and the same would fit now. */
const chargeOnce = (
  { database, clock, known, rows }: Deps,
  quotas: readonly Quota[],
  units: number,
  call: Call,
): ChargeOutcome | undefined => {
  database.exec('BEGIN IMMEDIATE')
  call.storeWrites += 1
  try {
    const nowMs = clock.now()
    const plan = planCharge(quotas, units, nowMs, known)
    const states = chargeRows(rows, plan, nowMs)
    if (states !== undefined) {
      rows.commit()
      return { outcome: 'charged', states: inAskedOrder(quotas, states) }
    }
    database.exec('ROLLBACK')
    call.storeReads += 1
    const refused: readonly QuotaRow[] = quotas.flatMap(({ id }) => rows.read(id) ?? [])
    known.learn(refused, quotas, nowMs)
    return classifyRefusal(quotas, units, refused, nowMs)
  } finally {
    if (database.isTransaction) database.exec('ROLLBACK')
  }
}

/** undefined: a row did not take it. */
const chargeRows = (
  rows: Deps['rows'],
  plan: readonly RowCharge[],
  nowMs: number,
): readonly QuotaState[] | undefined => {
  const states: QuotaState[] = []
  for (const row of plan) {
    const { quota, windowEndMs } = row
    const after = rows.charge({ ...row, id: quota.id }, nowMs)
    if (after === undefined) return undefined
    states.push(quotaState(quota, after.amount, after.used, windowEndMs))
  }
  return states
}
