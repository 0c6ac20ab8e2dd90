// The instruments of the quota engine, and its two log lines: which form of charge is in use, and why not the other one.
import { metrics } from '@opentelemetry/api'
import { DURATION_BUCKETS_S } from './duration-buckets.ts'
import type { Logger } from './logger.ts'
import { INSTRUMENTATION, METRIC } from './names.ts'

/** What the engine tells about itself; the units that nobody may use are told by others as well. */
export type ChargeMetrics = Readonly<{
  group(
    group: Readonly<{ charges: number; rows: number; durationMs: number; form: 'raising' | 'locked' }>,
  ): void
  answered(durationMs: number): void
  raised(): void
  unknown(units: number): void
  wasted(units: number): void
  /** Told in the log, the first time. */
  fellBack(because: string): void
  /** Once, when it is known. */
  inUse(charging: Readonly<{ form: string; because?: string }>): void
}>

const CHARGES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024]
const ROWS = [1, 2, 4, 8, 16, 32, 64, 128, 256]

/** Instruments of the provider that is registered now: without one they cost nothing and count nothing. */
export const createChargeMetrics = (log: Logger): ChargeMetrics => {
  const meter = metrics.getMeter(INSTRUMENTATION)
  const histogram = (name: string, description: string, explicitBucketBoundaries: number[], unit?: string) =>
    meter.createHistogram(name, {
      description,
      advice: { explicitBucketBoundaries },
      ...(unit === undefined ? {} : { unit }),
    })
  const counter = (name: string, description: string) => {
    const created = meter.createCounter(name, { description })
    // A counter that was never touched is not exported, and an alert on it would never fire the first time.
    created.add(0)
    return created
  }
  const latency = histogram(
    METRIC.chargeDuration,
    'Time from the asking of a charge until it was made; of a group the one that waited longest',
    DURATION_BUCKETS_S,
    's',
  )
  const charges = histogram(METRIC.groupCharges, 'Charges that a group carried', CHARGES)
  const rows = histogram(METRIC.groupRows, 'Rows that a group changed', ROWS)
  const duration = histogram(
    METRIC.groupDuration,
    'Time from the building of a group to its outcome',
    DURATION_BUCKETS_S,
    's',
  )
  const raised = counter(METRIC.groupsRaised, 'Groups that did not fit and changed nothing')
  const locked = counter(METRIC.groupsLocked, 'Groups that were charged under locks')
  const unknown = counter(METRIC.unknownCharges, 'Units of which nobody knows whether they were charged')
  const wasted = counter(METRIC.wastedCharges, 'Units that were charged and that nobody used')

  let inUse: string | undefined
  meter
    .createObservableGauge(METRIC.chargeForm, {
      description: 'Always 1; the label tells how charges are made',
    })
    .addCallback((gauge) => {
      if (inUse !== undefined) gauge.observe(1, { form: inUse })
    })
  let toldWhy = false
  const fellBack = (because: string) => {
    inUse = 'direct'
    if (toldWhy) return
    toldWhy = true
    log.warn({ because }, 'charges fell back to the direct form')
  }

  return {
    group(group) {
      charges.record(group.charges)
      rows.record(group.rows)
      duration.record(group.durationMs / 1_000)
      if (group.form === 'locked') locked.add(1)
    },
    answered: (durationMs) => latency.record(durationMs / 1_000),
    raised: () => raised.add(1),
    unknown: (units) => unknown.add(units),
    wasted: (units) => wasted.add(units),
    fellBack,
    inUse({ form, because }) {
      inUse = form
      log.info({ form }, 'charging')
      if (because !== undefined) fellBack(because)
    },
  }
}
