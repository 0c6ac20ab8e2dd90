// The metrics page in Prometheus' format: every instrument of the global provider, and what is counted of Checks. Loads the SDK.
import type { MeterProvider as Provider } from '@opentelemetry/api'
import { metrics, ValueType } from '@opentelemetry/api'
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import type { HistogramMetricData, ScopeMetrics } from '@opentelemetry/sdk-metrics'
import { AggregationTemporality, DataPointType, MeterProvider } from '@opentelemetry/sdk-metrics'
import type { Durations } from './check-tally.ts'
import { checkTallyOf } from './check-tally.ts'
import { DURATION_BUCKETS_S } from './duration-buckets.ts'
import { INSTRUMENTATION, METRIC } from './names.ts'

export type MetricsPage = Readonly<{ render(): Promise<string>; close(): Promise<void> }>

/** Registers the global provider. */
export const openMetricsPage = (version: string): MetricsPage => {
  // The exporter's own server is never started: our listener serves the page.
  const reader = new PrometheusExporter({ preventServerStart: true })
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true)
  const provider = new MeterProvider({ readers: [reader], views: VIEWS })
  metrics.setGlobalMeterProvider(provider)
  provider
    .getMeter(INSTRUMENTATION)
    .createObservableGauge(METRIC.buildInfo, { description: 'Always 1; the labels tell what runs' })
    .addCallback((gauge) => gauge.observe(1, { version, node: process.versions.node }))
  return {
    async render() {
      const { resource, scopeMetrics } = (await reader.collect()).resourceMetrics
      return serializer.serialize({ resource, scopeMetrics: [...scopeMetrics, ...checkDurations(provider)] })
    },
    async close() {
      await provider.shutdown()
      metrics.disable()
    },
  }
}

/** Prometheus wants the unit in the name, and this exporter leaves that to us. */
const inSeconds = (name: string): string => `${name}.seconds`

const VIEWS = [METRIC.chargeDuration, METRIC.groupDuration, METRIC.feedStaleness].map((instrumentName) => ({
  instrumentName,
  name: inSeconds(instrumentName),
}))

/** As an instrument would give it, and nothing before the first Check has ended. */
const checkDurations = (provider: Provider): readonly ScopeMetrics[] => {
  const dataPoints = Object.entries(checkTallyOf(provider).durations)
    .filter(([, { count }]) => count > 0)
    .map(([decision, durations]) => dataPoint({ decision }, durations))
  if (dataPoints.length === 0) return []
  const durations: HistogramMetricData = {
    descriptor: {
      name: inSeconds(METRIC.checkDuration),
      description: 'Time from the arrival of a Check to its answer',
      unit: 's',
      valueType: ValueType.DOUBLE,
    },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.HISTOGRAM,
    dataPoints,
  }
  return [{ scope: { name: INSTRUMENTATION }, metrics: [durations] }]
}

const dataPoint = (
  attributes: Readonly<{ decision: string }>,
  { counts, count, sumS }: Durations,
): HistogramMetricData['dataPoints'][number] => ({
  startTime: NOT_SHOWN,
  endTime: NOT_SHOWN,
  attributes,
  value: { buckets: { boundaries: DURATION_BUCKETS_S, counts }, count, sum: sumS },
})

const NOT_SHOWN: [number, number] = [0, 0]
