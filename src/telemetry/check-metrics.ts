// The instruments of a Check. Labels come from closed lists: no key, nothing that a client wrote.
import type { Meter } from '@opentelemetry/api'
import { metrics } from '@opentelemetry/api'
import type { CacheOutcome } from '../kernel/call.ts'
import type { CheckTally, CountedDecision } from './check-tally.ts'
import { addDuration, checkTallyOf, countIn } from './check-tally.ts'
import { INSTRUMENTATION, METRIC } from './names.ts'

export type CheckRecord = Readonly<{
  decision: CountedDecision
  /** From the closed list of reasons; `none` when the request was not refused. */
  reason: string
  durationMs: number
  cache: CacheOutcome
  storeReads: number
  storeWrites: number
}>

export type CheckMetrics = Readonly<{
  began(): void
  ended(record: CheckRecord): void
  /** Answered before it began. */
  refused(record: Pick<CheckRecord, 'decision' | 'reason'>): void
}>

/**
 * Counts for the provider that is registered now. An OpenTelemetry instrument hashes its labels each time, some 0.7 µs: so Checks are
 * counted in plain numbers, and instruments read them when somebody asks. The durations are read by the metrics page.
 */
export const createCheckMetrics = (): CheckMetrics => {
  const provider = metrics.getMeterProvider()
  const tally = checkTallyOf(provider)
  if (!observed.has(tally)) observe(provider.getMeter(INSTRUMENTATION), tally)
  observed.add(tally)
  return {
    refused: ({ decision, reason }) => countIn(tally.reasons[decision], reason),
    began: () => {
      tally.inFlight += 1
    },
    ended({ decision, reason, durationMs, cache, storeReads, storeWrites }) {
      tally.inFlight -= 1
      countIn(tally.reasons[decision], reason)
      addDuration(tally.durations[decision], durationMs / 1_000)
      countIn(tally.cache, cache)
      tally.storeReads += storeReads
      tally.storeWrites += storeWrites
    },
  }
}

const observed = new WeakSet<CheckTally>()

const observe = (meter: Meter, tally: CheckTally): void => {
  meter
    .createObservableCounter(METRIC.checks, { description: 'Checks answered, by decision and reason' })
    .addCallback((seen) => {
      for (const [decision, reasons] of Object.entries(tally.reasons))
        for (const [reason, { count }] of reasons) seen.observe(count, { decision, reason })
    })
  meter
    .createObservableUpDownCounter(METRIC.checksInFlight, { description: 'Checks that are not answered yet' })
    .addCallback((seen) => seen.observe(tally.inFlight))
  meter
    .createObservableCounter(METRIC.cacheOutcomes, { description: 'Key look-ups, by what the cache knew' })
    .addCallback((seen) => {
      for (const [outcome, { count }] of tally.cache) seen.observe(count, { outcome })
    })
  meter
    .createObservableCounter(METRIC.storeReads, {
      description: 'Look-ups of Checks, and reads of limits that they waited for',
    })
    .addCallback((seen) => seen.observe(tally.storeReads))
  meter
    .createObservableCounter(METRIC.storeWrites, {
      description: 'Charges of Checks that were sent to the store, alone or as part of a group',
    })
    .addCallback((seen) => seen.observe(tally.storeWrites))
}
