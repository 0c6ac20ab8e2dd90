// One attempt at a charge on one connection, and what is certain when it fails.
import type { Call } from '../../../kernel/call.ts'
import { assertAwaited } from '../../../kernel/call.ts'
import type { RowCharge, RowsRead } from '../../../quota/charge-plan.ts'
import { quotaState } from '../../../quota/charge-plan.ts'
import type { Quota, QuotaState } from '../../../quota/quota.ts'
import { FOREVER } from '../../../quota/quota.ts'
import type { MysqlConnection, Reply } from '../connection.ts'
import type { Phase } from '../errors.ts'
import { toFailure, verdictOn } from '../errors.ts'
import { BEGIN, CHARGE, COMMIT, chargeRow, ROLLBACK } from './direct-statements.ts'
import type { QuotaAccess } from './quota-rows.ts'
import { readQuotaRows } from './quota-rows.ts'

export type Attempt =
  | Readonly<{ kind: 'charged'; states: readonly QuotaState[] }>
  /** Nothing was charged; the rows as they were read afterwards. */
  | (Readonly<{ kind: 'refused' }> & RowsRead)
  /** Nothing was charged, and the same may succeed in a moment. */
  | Readonly<{ kind: 'fault'; error: unknown }>

/** Where the attempt stands when an error comes, which decides what the error means. */
type Progress = { phase: Phase; inTransaction: boolean }

/** `plan` is asked when a connection is there: the window must be the one of the moment of sending. */
export const attemptCharge = (
  deps: QuotaAccess,
  plan: () => readonly RowCharge[],
  quotas: readonly Quota[],
  call: Call,
): Promise<Attempt> =>
  deps.pool.use(call, async (connection) => {
    assertAwaited(call, deps.clock)
    call.storeWrites += 1
    const progress: Progress = { phase: 'before_commit', inTransaction: false }
    try {
      const states = await chargeRows(deps, connection, plan(), call, progress)
      if (states !== undefined) return { kind: 'charged', states }
      progress.phase = 'before_commit'
      return { kind: 'refused', ...(await readQuotaRows(deps, connection, quotas, call)) }
    } catch (error) {
      const verdict = verdictOn(error, progress.phase)
      if (verdict.connection === 'destroy' && isOfTheDatabase(error)) connection.destroy()
      else if (progress.inTransaction) await rollBack(deps, connection)
      if (verdict.again && isOfTheDatabase(error)) return { kind: 'fault', error }
      throw toFailure(error, verdict.effect === 'unknown')
    }
  })

/** Our own errors (the caller left, a mistake of ours) leave the connection as good as it was. */
const isOfTheDatabase = (error: unknown): boolean => toFailure(error) !== error

/** The states after the charge, or undefined when a row did not take it and everything is as it was. */
const chargeRows = async (
  deps: QuotaAccess,
  connection: MysqlConnection,
  rows: readonly RowCharge[],
  call: Call,
  progress: Progress,
): Promise<readonly QuotaState[] | undefined> => {
  const run = (statement: typeof COMMIT, text: string) =>
    deps.traced.query(connection, statement, text, call.deadlineMs)
  const [only, ...more] = rows
  if (only !== undefined && more.length === 0) {
    progress.phase = 'autocommit'
    return stateAfter(only, await run(CHARGE, chargeRow(only)))
  }
  progress.inTransaction = true
  await run(BEGIN, BEGIN.text)
  const states: QuotaState[] = []
  for (const row of rows) {
    const state = stateAfter(row, await run(CHARGE, chargeRow(row)))
    if (state === undefined) {
      await run(ROLLBACK, ROLLBACK.text)
      progress.inTransaction = false
      return undefined
    }
    states.push(...state)
  }
  // Whoever left until here is not charged; from here on the units are gone.
  assertAwaited(call, deps.clock)
  progress.phase = 'commit'
  await run(COMMIT, COMMIT.text)
  return states
}

/** The reply carries what remains, told up to 2^53 - 1. The amount may have been raised since the caller learned it. */
const stateAfter = ({ quota, units, windowEndMs }: RowCharge, reply: Reply): [QuotaState] | undefined => {
  if (reply.affectedRows === 0) return undefined
  const remaining = Math.min(reply.insertId, FOREVER)
  const amount = Math.min(Math.max(quota.amount, remaining + units), FOREVER)
  return [quotaState(quota, amount, amount - remaining, windowEndMs)]
}

const ROLLBACK_TIMEOUT_MS = 1_000

const rollBack = async ({ clock }: QuotaAccess, connection: MysqlConnection): Promise<void> => {
  try {
    await connection.query(ROLLBACK.text, clock.monotonicMs() + ROLLBACK_TIMEOUT_MS)
  } catch {
    connection.destroy()
  }
}
