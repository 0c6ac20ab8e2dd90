// Metrics over OTLP: a reader that sends them now and then, by the transport that the environment names. Loads the SDK.
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics'
import {
  AggregationTemporality,
  InstrumentType,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { createCheckDurations } from './check-durations.ts'
import type { OtlpMetrics } from './telemetry-environment.ts'

/** Endpoint, headers, certificate and temporality are read from the environment by the exporter. Throws when it cannot use them. */
export const createOtlpReader = async ({
  protocol,
  intervalMs,
  timeoutMs,
}: OtlpMetrics): Promise<PeriodicExportingMetricReader> =>
  new PeriodicExportingMetricReader({
    exporter: withCheckDurations(await createExporter(protocol)),
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: timeoutMs,
  })

const createExporter = async (protocol: OtlpMetrics['protocol']): Promise<PushMetricExporter> => {
  if (protocol === 'grpc')
    return new (await import('@opentelemetry/exporter-metrics-otlp-grpc')).OTLPMetricExporter()
  if (protocol === 'http/json')
    return new (await import('@opentelemetry/exporter-metrics-otlp-http')).OTLPMetricExporter()
  return new (await import('@opentelemetry/exporter-metrics-otlp-proto')).OTLPMetricExporter()
}

/** They are counted in plain numbers, of which no instrument knows: what is collected is sent with them. */
const withCheckDurations = (exporter: PushMetricExporter): PushMetricExporter => {
  const temporality = (type: InstrumentType) =>
    exporter.selectAggregationTemporality?.(type) ?? AggregationTemporality.CUMULATIVE
  const addDurations = createCheckDurations(temporality(InstrumentType.HISTOGRAM))
  return {
    export: ({ resource, scopeMetrics }, done) =>
      exporter.export({ resource, scopeMetrics: addDurations(scopeMetrics) }, done),
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
    selectAggregationTemporality: temporality,
  }
}
