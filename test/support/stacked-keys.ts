// Six rows a charge: two that all share, two of a team, two of a key; and the instant at which no window of them turns.
import { NO_RULES } from '../../src/policy/policy.ts'
import type { LimitDraft } from '../../src/quota/limit-book.ts'
import type { Period } from '../../src/quota/quota.ts'
import type { Store } from '../../src/store/store.ts'
import { aKeyToCharge } from './ledger-load.ts'
import type { ChargePlan } from './ledger-worker.ts'

/** In the middle of a minute, of a day and of a month. */
export const STILL_MS = Date.UTC(2026, 10, 21, 12, 0, 30)
export const AMPLE = 1_000_000_000
export const MOST_UNITS = 3

export type Stack = Readonly<{
  teams: number
  keys: number
  /** What a team may use in a day. */
  dayOf: (team: number) => number
  minuteOf: (key: number) => number
  monthOf: (key: number) => number
}>

export const requestsIn = (period: Period, amount: number): LimitDraft => ({
  unit: 'requests',
  period,
  zone: 'UTC',
  amount,
})

/** In the order of keys, which belong to the teams in turn. */
export const stackedKeys = async (store: Store, stack: Stack): Promise<readonly ChargePlan[]> => {
  await store.ownerBook.createOwner('acme', NO_RULES)
  for (const period of ['day', 'month'] as const)
    await store.limitBook.createLimit('acme', requestsIn(period, AMPLE))
  for (let team = 0; team < stack.teams; team += 1) {
    await store.ownerBook.createOwner(`acme/team-${team}`, NO_RULES)
    await store.limitBook.createLimit(`acme/team-${team}`, requestsIn('day', stack.dayOf(team)))
    await store.limitBook.createLimit(`acme/team-${team}`, requestsIn('month', AMPLE))
  }
  const plans: ChargePlan[] = []
  for (let key = 0; key < stack.keys; key += 1) {
    const limits = [requestsIn('minute', stack.minuteOf(key)), requestsIn('month', stack.monthOf(key))]
    plans.push(await aKeyToCharge(store, `acme/team-${key % stack.teams}`, limits, MOST_UNITS))
  }
  return plans
}
