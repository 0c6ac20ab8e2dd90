// The metrics page in Prometheus' format: every instrument of the global provider, and what is counted of Checks. Loads the SDK.
import { metrics } from '@opentelemetry/api'
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import type { MetricData } from '@opentelemetry/sdk-metrics'
import { AggregationTemporality, MeterProvider } from '@opentelemetry/sdk-metrics'
import { createCheckDurations } from './check-durations.ts'
import { INSTRUMENTATION, METRIC } from './names.ts'

export type MetricsPage = Readonly<{ render(): Promise<string>; close(): Promise<void> }>

/** Registers the global provider. */
export const openMetricsPage = (version: string): MetricsPage => {
  const { reader, render } = createMetricsPage()
  const provider = new MeterProvider({ readers: [reader] })
  metrics.setGlobalMeterProvider(provider)
  countBuild(version)
  return {
    render,
    async close() {
      await provider.shutdown()
      metrics.disable()
    },
  }
}

/** `render` reads the provider that `reader` was given to, which must be the global one. */
export const createMetricsPage = (): Readonly<{
  reader: PrometheusExporter
  render(): Promise<string>
}> => {
  // The exporter's own server is never started: our listener serves the page.
  const reader = new PrometheusExporter({ preventServerStart: true })
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true)
  const withCheckDurations = createCheckDurations(AggregationTemporality.CUMULATIVE)
  return {
    reader,
    async render() {
      const { resource, scopeMetrics } = (await reader.collect()).resourceMetrics
      const shown = withCheckDurations(scopeMetrics).map(({ scope, metrics: collected }) => ({
        scope,
        metrics: collected.map(inSeconds),
      }))
      return serializer.serialize({ resource, scopeMetrics: shown })
    },
  }
}

export const countBuild = (version: string): void => {
  metrics
    .getMeter(INSTRUMENTATION)
    .createObservableGauge(METRIC.buildInfo, { description: 'Always 1; the labels tell what runs' })
    .addCallback((gauge) => gauge.observe(1, { version, node: process.versions.node }))
}

/** Prometheus wants the unit in the name, and this exporter leaves that to us. */
const inSeconds = (metric: MetricData): MetricData => {
  const { descriptor } = metric
  return descriptor.unit === 's'
    ? { ...metric, descriptor: { ...descriptor, name: `${descriptor.name}.seconds` } }
    : metric
}
