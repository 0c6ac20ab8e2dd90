// What was counted of Checks: plain numbers, because five of them change with each Check.
import type { MeterProvider } from '@opentelemetry/api'
import type { CacheOutcome } from '../kernel/call.ts'
import { DURATION_BUCKETS_S } from './duration-buckets.ts'

/** `would_deny`: allowed, in shadow mode. */
export type CountedDecision = 'allow' | 'deny' | 'listing' | 'would_deny'

export type Count = { count: number }

/** `counts[i]` are those above the bound before and up to `DURATION_BUCKETS_S[i]`; the last, those above all bounds. */
export type Durations = { count: number; sumS: number; readonly counts: number[] }

export type CheckTally = {
  inFlight: number
  storeReads: number
  storeWrites: number
  readonly cache: Map<CacheOutcome, Count>
  readonly reasons: Readonly<Record<CountedDecision, Map<string, Count>>>
  readonly durations: Readonly<Record<CountedDecision, Durations>>
}

/** One for a provider, as its instruments are: whoever counts with the same provider counts into the same sums. */
export const checkTallyOf = (provider: MeterProvider): CheckTally => {
  const held = tallies.get(provider)
  if (held !== undefined) return held
  const tally: CheckTally = {
    inFlight: 0,
    storeReads: 0,
    storeWrites: 0,
    cache: new Map(),
    reasons: { allow: new Map(), deny: new Map(), listing: new Map(), would_deny: new Map() },
    durations: {
      allow: noDurations(),
      deny: noDurations(),
      listing: noDurations(),
      would_deny: noDurations(),
    },
  }
  tallies.set(provider, tally)
  return tally
}

export const countIn = <Label>(counts: Map<Label, Count>, label: Label): void => {
  const held = counts.get(label)
  if (held === undefined) counts.set(label, { count: 1 })
  else held.count += 1
}

export const addDuration = (durations: Durations, seconds: number): void => {
  let bucket = 0
  while (seconds > (DURATION_BUCKETS_S[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1
  durations.counts[bucket] = (durations.counts[bucket] ?? 0) + 1
  durations.count += 1
  durations.sumS += seconds
}

const tallies = new WeakMap<MeterProvider, CheckTally>()

const noDurations = (): Durations => ({
  count: 0,
  sumS: 0,
  counts: Array.from({ length: DURATION_BUCKETS_S.length + 1 }, () => 0),
})
