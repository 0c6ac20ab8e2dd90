// The durations of Checks as the histogram that an instrument would give, for whoever reads metrics.
import { metrics, ValueType } from '@opentelemetry/api'
import type { HistogramMetricData, ScopeMetrics } from '@opentelemetry/sdk-metrics'
import { AggregationTemporality, DataPointType } from '@opentelemetry/sdk-metrics'
import { machineNowMs } from '../kernel/clock.ts'
import type { CountedDecision, Durations } from './check-tally.ts'
import { checkTallyOf } from './check-tally.ts'
import { DURATION_BUCKETS_S } from './duration-buckets.ts'
import { INSTRUMENTATION, METRIC } from './names.ts'

/** What was collected, and beside our instruments the durations of Checks; nothing more before the first Check has ended. */
export type WithCheckDurations = (collected: readonly ScopeMetrics[]) => ScopeMetrics[]

/** For one reader: with delta temporality each call tells what came since the one before. */
export const createCheckDurations = (temporality: AggregationTemporality): WithCheckDurations => {
  const delta = temporality === AggregationTemporality.DELTA
  const told = new Map<string, Durations>()
  let sinceMs = machineNowMs()
  return (collected) => {
    const nowMs = machineNowMs()
    const times = { startTime: hrTime(sinceMs), endTime: hrTime(nowMs) }
    const dataPoints: HistogramMetricData['dataPoints'] = []
    for (const [decision, durations] of durationsByDecision()) {
      const value = since(told.get(decision), durations)
      if (value.count === 0) continue
      if (delta) told.set(decision, copyOf(durations))
      dataPoints.push({ ...times, attributes: { decision }, value: pointOf(value) })
    }
    if (delta) sinceMs = nowMs
    if (dataPoints.length === 0) return [...collected]
    return inOurScope(collected, {
      descriptor: DESCRIPTOR,
      aggregationTemporality: temporality,
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints,
    })
  }
}

const DESCRIPTOR = {
  name: METRIC.checkDuration,
  description: 'Time from the arrival of a Check to its answer',
  unit: 's',
  valueType: ValueType.DOUBLE,
}

const durationsByDecision = (): readonly (readonly [string, Durations])[] => {
  const durations: Readonly<Record<CountedDecision, Durations>> = checkTallyOf(
    metrics.getMeterProvider(),
  ).durations
  return Object.entries(durations)
}

const copyOf = ({ count, sumS, counts }: Durations): Durations => ({ count, sumS, counts: [...counts] })

const since = (before: Durations | undefined, { count, sumS, counts }: Durations): Durations =>
  before === undefined
    ? { count, sumS, counts }
    : {
        count: count - before.count,
        sumS: sumS - before.sumS,
        counts: counts.map((each, bucket) => each - (before.counts[bucket] ?? 0)),
      }

const pointOf = ({ count, sumS, counts }: Durations): HistogramMetricData['dataPoints'][number]['value'] => ({
  buckets: { boundaries: DURATION_BUCKETS_S, counts: [...counts] },
  count,
  sum: sumS,
})

/** A scope that stood there twice would be two sources of the same name. */
const inOurScope = (collected: readonly ScopeMetrics[], durations: HistogramMetricData): ScopeMetrics[] => {
  const ours = collected.find(({ scope }) => scope.name === INSTRUMENTATION)
  const others = collected.filter((each) => each !== ours)
  const scope = ours?.scope ?? { name: INSTRUMENTATION }
  return [...others, { scope, metrics: [...(ours?.metrics ?? []), durations] }]
}

const hrTime = (ms: number): [number, number] => [
  Math.floor(ms / 1_000),
  Math.round((ms % 1_000) * 1_000_000),
]
