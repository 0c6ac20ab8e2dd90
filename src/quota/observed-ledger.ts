// Tells the observer of a ledger that charges one by one what groups tell of themselves.
import type { Clock } from '../kernel/clock.ts'
import { isChargeUnknown } from '../kernel/failure.ts'
import type { ChargeObserver } from './charge-observer.ts'
import type { QuotaLedger } from './quota-ledger.ts'

/** The same ledger, also for those who left before their charge was settled. */
export const createObservedLedger = (
  ledger: QuotaLedger,
  deps: Readonly<{ observer: ChargeObserver; clock: Clock }>,
): QuotaLedger => {
  const { observer, clock } = deps
  return {
    peek: ledger.peek,
    charge: async (quotas, units, call) => {
      const askedMs = clock.monotonicMs()
      try {
        return await ledger.charge(quotas, units, call)
      } catch (error) {
        if (isChargeUnknown(error)) observer.unknown(units)
        throw error
      } finally {
        observer.answered(clock.monotonicMs() - askedMs)
      }
    },
  }
}
