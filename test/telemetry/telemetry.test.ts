// OpenTelemetry's SDK is there when somebody asked for it, absent when nobody did, and never in the way of leaving.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { telemetryFromEnvironment } from '../../src/telemetry/telemetry-environment.ts'

const BY_DEFAULT = { protocol: 'http/protobuf', intervalMs: 60_000, timeoutMs: 30_000 }

it.each([
  [{}, { traces: false, metrics: true, serviceName: 'latchkey' }],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, { traces: true }],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c:4318/v1/traces' }, { traces: true }],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }, { traces: false }],
  [{ OTEL_TRACES_EXPORTER: 'otlp' }, { traces: true }],
  [{ OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, { traces: false }],
  [{ OTEL_TRACES_EXPORTER: '', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, { traces: true }],
  [
    { OTEL_SDK_DISABLED: 'TRUE', OTEL_TRACES_EXPORTER: 'otlp' },
    { traces: false, metrics: false },
  ],
  [
    { OTEL_SDK_DISABLED: 'false', OTEL_TRACES_EXPORTER: 'otlp' },
    { traces: true, metrics: true },
  ],
  [{ OTEL_SERVICE_NAME: 'gateway' }, { serviceName: undefined }],
  [{ OTEL_RESOURCE_ATTRIBUTES: 'a=b, service.name=gateway' }, { serviceName: undefined }],
  [{ OTEL_RESOURCE_ATTRIBUTES: 'my.service.name=gateway' }, { serviceName: 'latchkey' }],
  [{ OTEL_RESOURCE_ATTRIBUTES: 'a=b,service.instance.id=pod-7' }, { instanceId: 'pod-7' }],
  [{}, { otlpMetrics: undefined, instanceId: undefined, warnings: [] }],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, { otlpMetrics: undefined }],
  [{ OTEL_METRICS_EXPORTER: 'otlp' }, { otlpMetrics: BY_DEFAULT, metrics: true, traces: false }],
  [{ OTEL_METRICS_EXPORTER: 'prometheus, otlp' }, { otlpMetrics: BY_DEFAULT, warnings: [] }],
  [{ OTEL_METRICS_EXPORTER: 'prometheus' }, { otlpMetrics: undefined, warnings: [] }],
  [{ OTEL_METRICS_EXPORTER: 'none,otlp' }, { otlpMetrics: undefined }],
  [{ OTEL_METRICS_EXPORTER: 'otlp', OTEL_SDK_DISABLED: 'true' }, { otlpMetrics: undefined }],
  [{ OTEL_METRICS_EXPORTER: 'otlp', OTEL_CONFIG_FILE: 'sdk.yaml' }, { otlpMetrics: undefined }],
  [{ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://c:4318' }, { otlpMetrics: BY_DEFAULT }],
  [
    { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://c:4318', OTEL_METRICS_EXPORTER: 'none' },
    { otlpMetrics: undefined },
  ],
  [
    { OTEL_METRICS_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    { otlpMetrics: { protocol: 'grpc' } },
  ],
  [
    {
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/json',
    },
    { otlpMetrics: { protocol: 'http/json' } },
  ],
  [
    { OTEL_METRICS_EXPORTER: 'otlp', OTEL_METRIC_EXPORT_INTERVAL: '5000' },
    { otlpMetrics: { intervalMs: 5_000, timeoutMs: 5_000 } },
  ],
  [
    {
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_METRIC_EXPORT_INTERVAL: '5000',
      OTEL_METRIC_EXPORT_TIMEOUT: '400',
    },
    { otlpMetrics: { intervalMs: 5_000, timeoutMs: 400 } },
  ],
])('the environment %j asks for %j', (environment, expected) => {
  expect(telemetryFromEnvironment(environment)).toMatchObject(expected)
})

it.each([
  [{ OTEL_METRICS_EXPORTER: 'console' }, 'console', undefined],
  [{ OTEL_METRICS_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_PROTOCOL: 'thrift' }, 'thrift', BY_DEFAULT],
  [{ OTEL_METRICS_EXPORTER: 'otlp', OTEL_METRIC_EXPORT_INTERVAL: '1m' }, 'INTERVAL', BY_DEFAULT],
  [{ OTEL_METRICS_EXPORTER: 'otlp', OTEL_METRIC_EXPORT_INTERVAL: '0' }, 'INTERVAL', BY_DEFAULT],
  [{ OTEL_METRICS_EXPORTER: 'otlp', OTEL_METRIC_EXPORT_TIMEOUT: '9999999999' }, 'TIMEOUT', BY_DEFAULT],
])('of %j it is told that there is no such %s, and the usual is done', (environment, word, otlpMetrics) => {
  const wanted = telemetryFromEnvironment(environment)
  expect(wanted.warnings).toEqual([expect.stringContaining(word)])
  expect(wanted.otlpMetrics).toEqual(otlpMetrics)
})

/** In a process of its own. Tells the packages that it loaded, once everything is closed. */
const loadedBy = async (options: object, environment: Readonly<Record<string, string>> = {}) => {
  const url = (path: string) => JSON.stringify(new URL(`../../src/telemetry/${path}`, import.meta.url).href)
  const script = `
    import { registerHooks } from 'node:module'
    const loaded = new Set()
    registerHooks({ load: (url, context, next) => {
      loaded.add(/node_modules\\/(@[^/]+\\/[^/]+|[^/]+)/.exec(url)?.[1])
      return next(url, context)
    } })
    const { startTelemetry } = await import(${url('telemetry.ts')})
    const { createCheckMetrics } = await import(${url('check-metrics.ts')})
    const { trace } = await import('@opentelemetry/api')
    const log = { warn() {}, error() {} }
    const telemetry = await startTelemetry({ version: '1', serviceName: 'x', ...${JSON.stringify(options)} }, log)
    createCheckMetrics().began()
    trace.getTracer('x').startSpan('x').end()
    const page = await telemetry.renderMetrics()
    await telemetry.close()
    console.log(JSON.stringify({ loaded: [...loaded].filter((name) => name?.startsWith('@opentelemetry/')), page }))
    process.exit()`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    env: { PATH: process.env['PATH'], ...environment },
  })
  return JSON.parse(stdout) as { loaded: readonly string[]; page: string }
}

it('without traces and metrics only the API is loaded, and the page is empty', async () => {
  expect(await loadedBy({ traces: false, metrics: false })).toEqual({
    loaded: ['@opentelemetry/api'],
    page: '',
  })
})

it('with metrics alone no part that traces is loaded', async () => {
  const { loaded, page } = await loadedBy({ traces: false, metrics: true })
  expect(loaded).toContain('@opentelemetry/sdk-metrics')
  expect(loaded.filter((name) => /trace|sdk-node|otlp/.test(name))).toEqual([])
  expect(page).toContain('latchkey_checks_in_flight 1')
})

it('a collector that takes a connection and never answers does not keep anybody from leaving', async () => {
  const silent = createServer((socket) => socket.resume().on('error', () => {})).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const address = silent.address()
  const port = typeof address === 'object' ? address?.port : undefined
  try {
    const environment = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: '600000',
    }
    const { loaded } = await loadedBy({ traces: true, metrics: false }, environment)
    expect(loaded).toContain('@opentelemetry/sdk-node')
  } finally {
    silent.close()
  }
})
