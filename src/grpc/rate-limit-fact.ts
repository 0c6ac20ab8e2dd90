// The fact from which Envoy's own rate-limit filter takes a limit: how many requests, by which unit, and whose.
import type { Allow } from '../check/decision.ts'
import type { Period, Quota } from '../quota/quota.ts'

/** What Envoy reads as an override: https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto */
export type RateLimitFact = Readonly<{
  requests_per_unit: number
  unit: (typeof UNITS)[number]
  /** The key's id or the owner's path: for the descriptor, so that a limit is counted for who has it. */
  subject: string
}>

/**
 * Of the limits of the key and of all its owners the one with the smallest window, of several such the smallest. undefined without one
 * that Envoy has a unit for: it knows no week and no total.
 */
export const rateLimitFactOf = ({ id, quotas, owners }: Limited): RateLimitFact | undefined => {
  let tightest: Counted | undefined
  for (const quota of [...quotas, ...owners.flatMap((owner) => owner.quotas)]) {
    const counted = countedOf(quota)
    if (counted !== undefined && (tightest === undefined || isTighter(counted, tightest))) tightest = counted
  }
  if (tightest === undefined) return undefined
  const { amount, window, subject } = tightest
  return { requests_per_unit: amount, unit: UNITS[window], subject: subject === 'key' ? id : subject }
}

type Limited = Pick<Allow['key'], 'id' | 'quotas' | 'owners'>
type Window = 0 | 1 | 2 | 3
type Counted = Readonly<{ amount: number; window: Window; subject: string }>

/** Names of envoy.type.v3.RateLimitUnit, the smallest first. */
const UNITS = ['MINUTE', 'HOUR', 'DAY', 'MONTH'] as const
const WINDOWS: Readonly<Partial<Record<Period, Window>>> = { minute: 0, hour: 1, day: 2, month: 3 }

/** Envoy reads 32 bits. A larger amount would become another, and none at all would admit nobody. */
const LARGEST = 0xffff_ffff

const countedOf = ({ unit, period, amount, implicit, subject }: Quota): Counted | undefined => {
  const window = WINDOWS[period]
  const isTold = unit === 'requests' && !implicit && amount >= 1 && amount <= LARGEST
  return isTold && window !== undefined ? { amount, window, subject } : undefined
}

const isTighter = (one: Counted, other: Counted): boolean =>
  one.window < other.window || (one.window === other.window && one.amount < other.amount)
