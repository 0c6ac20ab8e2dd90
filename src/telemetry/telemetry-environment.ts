// What the environment asks of OpenTelemetry, by OpenTelemetry's own names and rules. The rest of OTEL_* its SDK reads itself.
import { INSTRUMENTATION } from './names.ts'

export type OtlpMetrics = Readonly<{
  protocol: 'grpc' | 'http/protobuf' | 'http/json'
  intervalMs: number
  timeoutMs: number
}>

export type WantedTelemetry = Readonly<{
  /** Spans over OTLP. */
  traces: boolean
  /** Metrics for the Prometheus page. */
  metrics: boolean
  /** Metrics over OTLP: undefined unless they are asked for. */
  otlpMetrics: OtlpMetrics | undefined
  /** undefined when the environment names the service. */
  serviceName: string | undefined
  /** undefined unless the environment names this instance of it. */
  instanceId: string | undefined
  /** What was asked for and is not there. */
  warnings: readonly string[]
}>

type Environment = Readonly<Record<string, string | undefined>>

/** https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ */
export const telemetryFromEnvironment = (environment: Environment): WantedTelemetry => {
  const disabled = given(environment, 'OTEL_SDK_DISABLED')?.toLowerCase() === 'true'
  const traceExporters = listOf(environment, 'OTEL_TRACES_EXPORTER')
  const traced =
    traceExporters === undefined
      ? ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'].some(
          (name) => given(environment, name) !== undefined,
        )
      : !traceExporters.includes('none')
  const attributes = environment['OTEL_RESOURCE_ATTRIBUTES'] ?? ''
  const named =
    given(environment, 'OTEL_SERVICE_NAME') !== undefined || /(^|,)\s*service\.name=/.test(attributes)
  const [, instanceId] = /(?:^|,)\s*service\.instance\.id=([^,]+)/.exec(attributes) ?? []
  const warnings: string[] = []
  return {
    traces: traced && !disabled,
    metrics: !disabled,
    otlpMetrics: disabled ? undefined : otlpMetrics(environment, warnings),
    serviceName: named ? undefined : INSTRUMENTATION,
    instanceId: instanceId?.trim(),
    warnings,
  }
}

/** An endpoint for all signals asks for spans only: it did so before metrics could be sent. */
const otlpMetrics = (environment: Environment, warnings: string[]): OtlpMetrics | undefined => {
  const exporters = listOf(environment, 'OTEL_METRICS_EXPORTER')
  // A file of the SDK's own stands in the place of all other variables.
  if (given(environment, 'OTEL_CONFIG_FILE') !== undefined || exporters?.includes('none') === true)
    return undefined
  const unknown = exporters?.filter((name) => name !== 'otlp' && name !== 'prometheus') ?? []
  if (unknown.length > 0)
    warnings.push(`OTEL_METRICS_EXPORTER: there is otlp, prometheus and none, not ${unknown.join(', ')}`)
  const asked =
    exporters === undefined
      ? given(environment, 'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT') !== undefined
      : exporters.includes('otlp')
  if (!asked) return undefined
  const intervalMs = millisecondsOf(environment, 'OTEL_METRIC_EXPORT_INTERVAL', warnings) ?? 60_000
  const timeoutMs = millisecondsOf(environment, 'OTEL_METRIC_EXPORT_TIMEOUT', warnings) ?? 30_000
  return {
    protocol: protocolOf(environment, warnings),
    intervalMs,
    timeoutMs: Math.min(timeoutMs, intervalMs),
  }
}

const protocolOf = (environment: Environment, warnings: string[]): OtlpMetrics['protocol'] => {
  const protocol =
    given(environment, 'OTEL_EXPORTER_OTLP_METRICS_PROTOCOL') ??
    given(environment, 'OTEL_EXPORTER_OTLP_PROTOCOL') ??
    'http/protobuf'
  if (protocol === 'grpc' || protocol === 'http/json' || protocol === 'http/protobuf') return protocol
  warnings.push(`OTLP has no protocol ${protocol}: metrics are sent as http/protobuf`)
  return 'http/protobuf'
}

/** A timer of Node holds 31 bits, and fires at once when it is given more. */
const LONGEST_MS = 2_147_483_647

const millisecondsOf = (environment: Environment, name: string, warnings: string[]): number | undefined => {
  const text = given(environment, name)
  if (text === undefined) return undefined
  const ms = /^\d+$/.test(text) ? Number(text) : 0
  if (ms >= 1 && ms <= LONGEST_MS) return ms
  warnings.push(`${name} is no number of milliseconds from 1 to ${LONGEST_MS}: the usual one is taken`)
  return undefined
}

/** Empty is the same as absent. */
const given = (environment: Environment, name: string): string | undefined => {
  const value = environment[name]?.trim()
  return value === '' ? undefined : value
}

const listOf = (environment: Environment, name: string): readonly string[] | undefined =>
  given(environment, name)
    ?.split(',')
    .map((each) => each.trim())
