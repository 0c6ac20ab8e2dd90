// Start and stop OpenTelemetry. Its SDK is loaded only when somebody wants what it produces.
import type { Logger } from './logger.ts'
import { INSTRUMENTATION } from './names.ts'

export type TelemetryOptions = Readonly<{
  version: string
  /** Spans over OTLP, as the OTEL_* environment says, which the SDK reads itself. */
  traces: boolean
  /** Metrics for the Prometheus page. */
  metrics: boolean
  /** undefined when the environment names the service. */
  serviceName: string | undefined
}>

export type Telemetry = Readonly<{
  /** The metrics page in Prometheus' text format; empty when metrics are off. */
  renderMetrics(): Promise<string>
  /**
   * Sends what is buffered and stops. Waits for a collector that does not answer no longer than five seconds;
   * the request to it may keep the process until the exporter gives up, after ten seconds unless
   * OTEL_EXPORTER_OTLP_TIMEOUT differs.
   */
  close(): Promise<void>
}>

type Part<T> = Readonly<{ value: T; close: () => Promise<void> }>

/** Must come before anything that asks the OpenTelemetry API for a meter: there is no second chance. */
export const startTelemetry = async (options: TelemetryOptions, log: Logger): Promise<Telemetry> => {
  const metrics = options.metrics ? await startMetrics(options) : NO_METRICS
  const traces = options.traces ? await startTraces(options, log) : NO_TRACES
  return {
    renderMetrics: metrics.value,
    close: async () => {
      await Promise.all([within(traces.close(), CLOSE_TIMEOUT_MS), metrics.close()])
    },
  }
}

/** What the environment asks for, by OpenTelemetry's own names and rules. */
export const telemetryFromEnvironment = (
  environment: Readonly<Record<string, string | undefined>>,
): Pick<TelemetryOptions, 'traces' | 'metrics' | 'serviceName'> => {
  const set = (name: string) => (environment[name] ?? '').trim() !== ''
  const disabled = environment['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true'
  const exporters = environment['OTEL_TRACES_EXPORTER']?.split(',').map((name) => name.trim()) ?? []
  const traced = set('OTEL_TRACES_EXPORTER')
    ? !exporters.includes('none')
    : set('OTEL_EXPORTER_OTLP_ENDPOINT') || set('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT')
  const named =
    set('OTEL_SERVICE_NAME') || /(^|,)\s*service\.name=/.test(environment['OTEL_RESOURCE_ATTRIBUTES'] ?? '')
  return { traces: traced && !disabled, metrics: !disabled, serviceName: named ? undefined : INSTRUMENTATION }
}

const CLOSE_TIMEOUT_MS = 5_000

const NO_METRICS: Part<() => Promise<string>> = { value: async () => '', close: async () => {} }
const NO_TRACES: Part<undefined> = { value: undefined, close: async () => {} }

const startMetrics = async ({ version }: TelemetryOptions): Promise<Part<() => Promise<string>>> => {
  const { openMetricsPage } = await import('./metrics-page.ts')
  const { render, close } = openMetricsPage(version)
  return { value: render, close }
}

const startTraces = async (
  { version, serviceName }: TelemetryOptions,
  log: Logger,
): Promise<Part<undefined>> => {
  const [{ context, diag, DiagLogLevel, propagation, trace }, { startNodeSdk }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-node'),
  ])
  const sdk = startNodeSdk({
    metricReaders: [],
    logRecordProcessors: [],
    resourceAttributes: {
      'service.version': version,
      ...(serviceName === undefined ? {} : { 'service.name': serviceName }),
    },
  })
  const write = (level: 'error' | 'warn') => (message: string) =>
    log[level]({ source: 'opentelemetry' }, message)
  const silent = () => {}
  diag.setLogger(
    { error: write('error'), warn: write('warn'), info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
  return {
    value: undefined,
    close: async () => {
      await sdk.shutdown()
      for (const api of [trace, context, propagation, diag]) api.disable()
    },
  }
}

/** Waits for `work` at most that long; its failure is told by the SDK's own diagnostics. */
const within = async (work: Promise<void>, timeoutMs: number): Promise<void> => {
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, timeoutMs)
  try {
    await Promise.race([work.catch(() => {}), late.promise])
  } finally {
    clearTimeout(timer)
  }
}
