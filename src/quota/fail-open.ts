// Lets a few requests of a key pass while their charges cannot be made, and charges them once they can.
import { createCall } from '../kernel/call.ts'
import type { Clock } from '../kernel/clock.ts'
import { Failure, isChargeUnknown } from '../kernel/failure.ts'
import type { Quota } from './quota.ts'
import type { QuotaLedger } from './quota-ledger.ts'

/** What an unpaid charge would have written. */
export type Debt = Readonly<{ keyId: string; quotas: readonly Quota[]; units: number }>

export type FailOpenObserver = Readonly<{
  /** A request passed uncharged. */
  admitted(): void
  /** Units of such requests that were charged afterwards, or never will be: the limit had no room, or the key has changed. */
  settled(units: Readonly<{ charged: number; uncharged: number }>): void
}>

export type FailOpen = Readonly<{
  /**
   * Waits for a charge for a moment. 'open': it could not be made, or not in time, and the request may pass; what comes of the charge
   * is seen to, `landed` being told when it ends after all and saying whether it was made. Rejects as the charge did when as many
   * requests of the key are unpaid as may be.
   */
  orOpen<T>(charging: Promise<T>, debt: Debt, landed: (late: T) => boolean): Promise<T | 'open'>
  /** Charges what is owed, as far as the store answers. Never rejects. */
  payBack(): Promise<void>
  /** Units that are owed. */
  owed(): number
}>

/** Of one key: requests that passed and are not settled. */
type Account = { readonly quotas: readonly Quota[]; unsettled: number; owed: number }

/** A charge takes a few milliseconds; who may pass without it waits no longer than this. */
const OPEN_AFTER_MS = 250
const PAYBACK_TIMEOUT_MS = 1_000
/** More keys than this are not trusted at once; a few hundred bytes each. */
const MAX_KEYS = 10_000

export const createFailOpen = (deps: {
  ledger: QuotaLedger
  clock: Clock
  /** Requests of one key that may be unsettled at once, in this process. */
  burst: number
  observer: FailOpenObserver
}): FailOpen => {
  const { ledger, clock, burst, observer } = deps
  const accounts = new Map<string, Account>()

  const admit = ({ keyId, quotas, units }: Debt): Account | undefined => {
    const account = accounts.get(keyId) ?? { quotas, unsettled: 0, owed: 0 }
    if (account.unsettled + units > burst || (account.unsettled === 0 && accounts.size >= MAX_KEYS))
      return undefined
    accounts.set(keyId, account)
    account.unsettled += units
    observer.admitted()
    return account
  }

  const settle = (keyId: string, account: Account, charged: number, uncharged: number) => {
    account.unsettled -= charged + uncharged
    if (account.unsettled === 0) accounts.delete(keyId)
    if (charged + uncharged > 0) observer.settled({ charged, uncharged })
  }

  /** As much of it as fits; what does not was spent beyond the limit. Returns the units charged. */
  const charge = async (quotas: readonly Quota[], units: number): Promise<number> => {
    for (let asked = units; asked > 0; ) {
      const call = createCall(clock.monotonicMs() + PAYBACK_TIMEOUT_MS)
      const paid = await ledger.charge(quotas, asked, call)
      if (paid.outcome === 'charged') return asked
      if (paid.outcome === 'stale') return 0
      asked = Math.min(asked - 1, ...paid.states.map(({ remaining }) => remaining))
    }
    return 0
  }

  return {
    async orOpen(charging, debt, landed) {
      const timer = Promise.withResolvers<'late'>()
      const timeout = setTimeout(() => timer.resolve('late'), OPEN_AFTER_MS)
      try {
        const first = await Promise.race([charging, timer.promise])
        if (first !== 'late') return first
      } catch (error) {
        if (!(error instanceof Failure)) throw error
      } finally {
        clearTimeout(timeout)
      }
      const account = admit(debt)
      if (account === undefined) return charging
      const { keyId, units } = debt
      charging.then(
        (late) => {
          const charged = landed(late) ? units : 0
          settle(keyId, account, charged, units - charged)
        },
        (error: unknown) => {
          // What may have been charged is told as such already, and must not be charged twice.
          if (isChargeUnknown(error)) settle(keyId, account, 0, units)
          else account.owed += units
        },
      )
      return 'open'
    },
    async payBack() {
      for (const [keyId, account] of accounts) {
        const { owed } = account
        if (owed === 0) continue
        account.owed = 0
        try {
          const charged = await charge(account.quotas, owed)
          settle(keyId, account, charged, owed - charged)
        } catch (error) {
          if (isChargeUnknown(error)) {
            settle(keyId, account, 0, owed)
            continue
          }
          account.owed += owed
          return
        }
      }
    },
    owed: () => [...accounts.values()].reduce((sum, { owed }) => sum + owed, 0),
  }
}
