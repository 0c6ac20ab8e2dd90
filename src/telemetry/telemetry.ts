// Start and stop OpenTelemetry. Its SDK is loaded only when somebody wants what it produces.
import type { IMetricReader } from '@opentelemetry/sdk-metrics'
import type { Logger } from './logger.ts'
import type { WantedTelemetry } from './telemetry-environment.ts'

export type TelemetryOptions = Readonly<{
  version: string
  /** Which of several workers this is. */
  worker?: number | undefined
}> &
  Pick<WantedTelemetry, 'traces' | 'metrics' | 'serviceName'> &
  Partial<WantedTelemetry>

export type Telemetry = Readonly<{
  /** The metrics page in Prometheus' text format; empty when metrics are off. */
  renderMetrics(): Promise<string>
  /**
   * Sends what is buffered and stops. Waits for a collector that does not answer no longer than five seconds; the request to it
   * may stay open until the exporter gives up, after ten seconds unless OTEL_EXPORTER_OTLP_TIMEOUT differs.
   */
  close(): Promise<void>
}>

/** Must come before anything that asks the OpenTelemetry API for a meter: there is no second chance. */
export const startTelemetry = async (options: TelemetryOptions, log: Logger): Promise<Telemetry> => {
  for (const warning of options.warnings ?? [])
    log.warn({ warning }, 'OpenTelemetry is not as it was asked for')
  const pushed = await openOtlpReader(options, log)
  const { render, close: closePage } =
    pushed === undefined ? await startPage(options) : await startReaders(options, pushed, log)
  const closeTraces =
    pushed === undefined && options.traces ? await startSdk(options, [], log) : NOTHING_TO_CLOSE
  return {
    renderMetrics: render,
    close: async () => {
      // A collector is waited for, and its silence is no fault; the page alone asks nobody.
      const closingPage = pushed === undefined ? closePage() : within(closePage(), CLOSE_TIMEOUT_MS)
      await Promise.all([within(closeTraces(), CLOSE_TIMEOUT_MS), closingPage])
    },
  }
}

const CLOSE_TIMEOUT_MS = 5_000

type Close = () => Promise<void>
type Page = Readonly<{ render(): Promise<string>; close: Close }>

const NOTHING_TO_CLOSE: Close = async () => {}
const NO_PAGE: Page = { render: async () => '', close: NOTHING_TO_CLOSE }

const startPage = async ({ version, metrics }: TelemetryOptions): Promise<Page> => {
  if (!metrics) return NO_PAGE
  const { openMetricsPage } = await import('./metrics-page.ts')
  return openMetricsPage(version)
}

/** undefined when nobody asked, or when what the environment says of it cannot be used: a gateway does not stand still for that. */
const openOtlpReader = async (
  { otlpMetrics }: TelemetryOptions,
  log: Logger,
): Promise<IMetricReader | undefined> => {
  if (otlpMetrics === undefined) return undefined
  const { diag } = await import('@opentelemetry/api')
  await logDiagnostics(log)
  try {
    const { createOtlpReader } = await import('./otlp-metrics.ts')
    return await createOtlpReader(otlpMetrics)
  } catch (error) {
    log.error({ err: error }, 'metrics are not sent over OTLP')
    return undefined
  } finally {
    // The SDK complains of whoever listened before it.
    diag.disable()
  }
}

/** The page and what is sent read the same instruments. They are the SDK's, which knows of what resource they tell; spans are in it too. */
const startReaders = async (options: TelemetryOptions, pushed: IMetricReader, log: Logger): Promise<Page> => {
  const [{ metrics }, { countBuild, createMetricsPage }] = await Promise.all([
    import('@opentelemetry/api'),
    import('./metrics-page.ts'),
  ])
  const page = options.metrics ? createMetricsPage() : undefined
  const none = metrics.getMeterProvider()
  const close = await startSdk(options, page === undefined ? [pushed] : [page.reader, pushed], log)
  // The SDK told in the log why it could not be made.
  if (metrics.getMeterProvider() === none) return startPage(options)
  countBuild(options.version)
  return { render: page?.render ?? NO_PAGE.render, close }
}

const startSdk = async (
  { version, serviceName, traces, instanceId, worker }: TelemetryOptions,
  metricReaders: IMetricReader[],
  log: Logger,
): Promise<Close> => {
  const [{ context, diag, metrics, propagation, trace }, { startNodeSdk }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-node'),
  ])
  const sdk = startNodeSdk({
    metricReaders,
    logRecordProcessors: [],
    ...(traces ? {} : { spanProcessors: [] }),
    resourceAttributes: {
      'service.version': version,
      ...(serviceName === undefined ? {} : { 'service.name': serviceName }),
      // Named by the operator it is one for all workers, and their counts would be taken for one another's.
      ...(instanceId === undefined || worker === undefined
        ? {}
        : { 'service.instance.id': `${instanceId}-${worker}` }),
    },
  })
  await logDiagnostics(log)
  return async () => {
    await sdk.shutdown()
    const apis = metricReaders.length === 0 ? [] : [metrics]
    for (const api of [...apis, trace, context, propagation, diag]) api.disable()
  }
}

/** What the SDK has to say of itself. */
const logDiagnostics = async (log: Logger): Promise<void> => {
  const { diag, DiagLogLevel } = await import('@opentelemetry/api')
  const write = (level: 'error' | 'warn') => (message: string) =>
    log[level]({ source: 'opentelemetry' }, message)
  const silent = () => {}
  diag.setLogger(
    { error: write('error'), warn: write('warn'), info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
}

/** Waits for `work` at most that long; its failure is told by the SDK's own diagnostics. */
const within = async (work: Promise<unknown>, timeoutMs: number): Promise<void> => {
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, timeoutMs)
  try {
    await Promise.race([work.catch(() => {}), late.promise])
  } finally {
    clearTimeout(timer)
  }
}
