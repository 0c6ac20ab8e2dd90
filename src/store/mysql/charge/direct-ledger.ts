// The charge on MySQL, MariaDB and TiDB in its direct form: guarded UPDATEs in the order of ids, in one transaction.
import { setTimeout as delay } from 'node:timers/promises'
import type { Call } from '../../../kernel/call.ts'
import { assertAwaited } from '../../../kernel/call.ts'
import { Failure } from '../../../kernel/failure.ts'
import type { KnownWindows } from '../../../quota/charge-plan.ts'
import {
  assertChargeable,
  classifyRefusal,
  createKnownWindows,
  inAskedOrder,
  planCharge,
  stateOfRow,
} from '../../../quota/charge-plan.ts'
import type { Quota } from '../../../quota/quota.ts'
import type { ChargeOutcome, QuotaLedger } from '../../../quota/quota-ledger.ts'
import { toFailure } from '../errors.ts'
import { attemptCharge } from './direct-attempt.ts'
import type { QuotaAccess } from './quota-rows.ts'
import { readQuotaRows } from './quota-rows.ts'

/** Refusals that would fit when they are read: other charges came between, or the window was named wrongly. */
const MAX_REFUSALS = 6
/** Attempts that certainly had no effect: deadlocks, locks not granted, connections lost before the charge was sent. */
const MAX_FAULTS = 12

export const createMysqlDirectLedger = (deps: QuotaAccess): QuotaLedger => {
  const known = createKnownWindows()
  return {
    charge: async (quotas, units, call) => {
      assertChargeable(quotas, units)
      return chargeUntilKnown(deps, known, { quotas, units, call })
    },
    peek: async (quotas, call) => {
      try {
        const { rows, nowMs } = await deps.pool.use(call, (connection) =>
          readQuotaRows(deps, connection, quotas, call),
        )
        const byId = new Map(rows.map((row) => [row.id, row]))
        return quotas.flatMap((quota) => {
          const row = byId.get(quota.id)
          return row === undefined ? [] : stateOfRow(quota, row, nowMs)
        })
      } catch (error) {
        throw toFailure(error)
      }
    },
  }
}

type Request = Readonly<{ quotas: readonly Quota[]; units: number; call: Call }>

const chargeUntilKnown = async (
  deps: QuotaAccess,
  known: KnownWindows,
  request: Request,
): Promise<ChargeOutcome> => {
  const { quotas, units, call } = request
  let refusals = 0
  let faults = 0
  // After a refusal the instant that was read with it is nearer to the database's clock than any estimate.
  let readAtMs: number | undefined
  for (;;) {
    const plan = () => planCharge(quotas, units, readAtMs ?? deps.clock.now(), known)
    const result = await attemptCharge(deps, plan, quotas, call)
    if (result.kind === 'charged') return { outcome: 'charged', states: inAskedOrder(quotas, result.states) }
    if (result.kind === 'fault') {
      faults += 1
      if (faults >= MAX_FAULTS) throw toFailure(result.error)
      readAtMs = undefined
      await delay(1 + Math.random() * 4)
      assertAwaited(call, deps.clock)
      continue
    }
    const { rows, nowMs } = result
    known.learn(rows, quotas, nowMs)
    const outcome = classifyRefusal(quotas, units, rows, nowMs)
    if (outcome !== undefined) return outcome
    refusals += 1
    if (refusals >= MAX_REFUSALS) throw new Failure('overloaded', 'the rows of this charge kept changing')
    readAtMs = nowMs
  }
}
