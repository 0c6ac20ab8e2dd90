// The instruments of a Check. Labels come from closed lists: no key, nothing that a client wrote.
import { metrics } from '@opentelemetry/api'
import type { CacheOutcome } from '../kernel/call.ts'
import { DURATION_BUCKETS_S } from './duration-buckets.ts'
import { INSTRUMENTATION, METRIC } from './names.ts'

export type CheckRecord = Readonly<{
  decision: 'allow' | 'deny' | 'listing'
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

/** Instruments of the provider that is registered now: without one they cost nothing and count nothing. */
export const createCheckMetrics = (): CheckMetrics => {
  const meter = metrics.getMeter(INSTRUMENTATION)
  const checks = meter.createCounter(METRIC.checks, {
    description: 'Checks answered, by decision and reason',
  })
  const duration = meter.createHistogram(METRIC.checkDuration, {
    description: 'Time from the arrival of a Check to its answer',
    unit: 's',
    advice: { explicitBucketBoundaries: DURATION_BUCKETS_S },
  })
  const inFlight = meter.createUpDownCounter(METRIC.checksInFlight, {
    description: 'Checks that are not answered yet',
  })
  const cache = meter.createCounter(METRIC.cacheOutcomes, {
    description: 'Key look-ups, by what the cache knew',
  })
  const reads = meter.createCounter(METRIC.storeReads, {
    description: 'Look-ups of Checks, and reads of limits that they waited for',
  })
  const writes = meter.createCounter(METRIC.storeWrites, {
    description: 'Charges of Checks that were sent to the store, alone or as part of a group',
  })
  // A counter that was never touched is not exported, and an alert on it would never fire the first time.
  for (const counter of [reads, writes, inFlight]) counter.add(0)
  return {
    refused: ({ decision, reason }) => checks.add(1, { decision, reason }),
    began: () => inFlight.add(1),
    ended(record) {
      inFlight.add(-1)
      checks.add(1, { decision: record.decision, reason: record.reason })
      duration.record(record.durationMs / 1_000, { decision: record.decision })
      cache.add(1, { outcome: record.cache })
      if (record.storeReads > 0) reads.add(record.storeReads)
      if (record.storeWrites > 0) writes.add(record.storeWrites)
    },
  }
}
