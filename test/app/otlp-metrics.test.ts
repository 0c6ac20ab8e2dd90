// Metrics leave by every transport that OpenTelemetry's variables name, say what the page says, and are in nobody's way.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createClock } from '../../src/kernel/clock.ts'
import { openStore } from '../../src/store/store.ts'
import { mintSecret } from '../support/app-rig.ts'
import { createAuthority, createCertificate } from '../support/certificates.ts'
import { createCheckClient, summarise } from '../support/check-client.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { aDirectory, onClose } from '../support/closing.ts'
import { freshDatabase } from '../support/mariadb.ts'
import { samplesOf, sumIn } from '../support/metrics-page.ts'
import { instancesIn, metricsIn, pointsOf } from '../support/otlp-metrics.ts'
import type { OtlpProtocol, OtlpSink } from '../support/otlp-sink.ts'
import { startOtlpSink } from '../support/otlp-sink.ts'
import type { Serving } from '../support/serving.ts'
import { startServing } from '../support/serving.ts'
import { until } from '../support/until.ts'
import { startWorkers } from '../support/workers-rig.ts'

const PATHS: Readonly<Record<OtlpProtocol, string>> = {
  grpc: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  'http/protobuf': '/v1/metrics',
  'http/json': '/v1/metrics',
}

/** Of itself it sends nothing for an hour: only the flush at the end does. */
const serve = async (environment: Readonly<Record<string, string>>): Promise<Serving> => {
  const serving = await startServing(await aDirectory(), {
    LATCHKEY_DRAIN_DELAY: '0ms',
    OTEL_METRICS_EXPORTER: 'otlp',
    OTEL_METRIC_EXPORT_INTERVAL: '3600000',
    ...environment,
  })
  onClose(() => serving.process.kill('SIGKILL'))
  return serving
}

const refuseOne = async ({ address }: Pick<Serving, 'address'>) => {
  const client = createCheckClient(address)
  onClose(client.close)
  const headers = [['x-api-key', mintSecret()]] as const
  expect(summarise(await client.check(aCheckRequest({ headers }))).reason).toBe('invalid_key')
}

const end = async (serving: Serving) => {
  serving.process.kill('SIGTERM')
  expect(await serving.ended).toBe(0)
}

const ofMetrics = ({ sent }: OtlpSink) => sent.filter(({ path }) => /metrics/i.test(path))

const ONCE = [
  ['grpc', 'TLS'],
  ['http/protobuf', 'plain'],
] as const
const THE_REST = [
  ['grpc', 'plain'],
  ['http/protobuf', 'TLS'],
  ['http/json', 'TLS'],
] as const
const everything = process.env['LATCHKEY_PROVE'] === '1'

test.each([...ONCE, ...(everything ? THE_REST : [])])('over %s, %s', async (protocol, over) => {
  const authority = createAuthority('authority')
  const certificate = over === 'TLS' ? createCertificate('collector', authority) : undefined
  const sink = await startOtlpSink(protocol, certificate)
  const file = join(await aDirectory(), 'ca.crt')
  writeFileSync(file, authority.certPem)
  const serving = await serve({
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
    OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: protocol,
    OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'x-tenant=acme',
    OTEL_SERVICE_NAME: 'gateway',
    OTEL_TRACES_EXPORTER: 'none',
    ...(over === 'TLS' ? { OTEL_EXPORTER_OTLP_CERTIFICATE: file } : {}),
  })
  await refuseOne(serving)
  await end(serving)
  const { path = '', headers } = sink.sent[0] ?? {}
  expect([path, headers?.['x-tenant']]).toEqual([PATHS[protocol], 'acme'])
  const bodies = Buffer.concat(sink.sent.map(({ body }) => body))
  for (const word of ['latchkey.check.duration', 'invalid_key', 'gateway', 'service.instance.id'])
    expect(bodies.includes(word)).toBe(true)
})

test('what is sent says what the page says, in the units of OpenTelemetry, and spans are of the same instance', async () => {
  const sink = await startOtlpSink('http/json', undefined)
  const serving = await serve({
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  })
  await refuseOne(serving)
  await refuseOne(serving)
  const page = samplesOf(await (await fetch(`http://${serving.healthAddress}/metrics`)).text())
  await end(serving)
  const last = ofMetrics(sink).at(-1)
  const metrics = metricsIn(last?.body)
  const [duration] = pointsOf(metrics, 'latchkey.check.duration')
  expect(metrics.find(({ name }) => name === 'latchkey.check.duration')?.unit).toBe('s')
  expect(duration?.attributes).toEqual({ decision: 'deny' })
  expect(duration?.count).toBe(2)
  expect(duration?.sum).toBe(sumIn(page, 'latchkey_check_duration_seconds_sum'))
  expect(duration?.bucketCounts?.reduce((sum, count) => sum + count, 0)).toBe(2)
  expect(Number(duration?.endMs)).toBeGreaterThanOrEqual(Number(duration?.startMs))
  expect(pointsOf(metrics, 'latchkey.checks')).toMatchObject([
    { value: 2, attributes: { decision: 'deny', reason: 'invalid_key' } },
  ])
  expect(sumIn(page, 'latchkey_checks_total')).toBe(2)
  const names = metrics.map(({ name }) => name)
  expect(names).toEqual([...new Set(names)])
  expect(names.filter((name) => name.endsWith('seconds'))).toEqual([])
  const onPage = new Set(page.map(({ name }) => name.replace(/_(total|seconds|count|sum|bucket)/g, '')))
  const sent = new Set(names.map((name) => name.replaceAll('.', '_')))
  expect([...onPage].filter((name) => !sent.has(name))).toEqual([])
  const instances = sink.sent.flatMap(({ body }) => instancesIn(body))
  expect(instances.length).toBeGreaterThan(1)
  expect(new Set(instances).size).toBe(1)
})

test('each of several workers sends its own share, as an instance of its own', async () => {
  const sink = await startOtlpSink('http/json', undefined)
  const databaseUrl = await freshDatabase()
  const store = await openStore({ url: databaseUrl, clock: createClock() })
  onClose(() => store.close())
  await store.migrate()
  const workers = startWorkers({
    directory: await aDirectory(),
    databaseUrl,
    env: {
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${sink.url}/v1/metrics`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_METRIC_EXPORT_INTERVAL: '3600000',
      OTEL_RESOURCE_ATTRIBUTES: 'service.instance.id=pod-7',
    },
  })
  onClose(workers.close)
  await workers.untilServing(2)
  for (const worker of [0, 1, 1]) await refuseOne({ address: workers.addressOf(worker) })
  workers.kill('SIGTERM')
  expect(await workers.ended).toBe(0)
  const told = sink.sent.map(({ body }) => [
    instancesIn(body),
    pointsOf(metricsIn(body), 'latchkey.checks').map(({ value }) => value),
  ])
  expect(told).toHaveLength(2)
  expect(told).toContainEqual([['pod-7-0'], [1]])
  expect(told).toContainEqual([['pod-7-1'], [2]])
})

test('they are sent again and again while it serves', async () => {
  const sink = await startOtlpSink('http/json', undefined)
  const serving = await serve({
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${sink.url}/v1/metrics`,
    OTEL_METRICS_EXPORTER: '',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_METRIC_EXPORT_INTERVAL: '50',
  })
  await refuseOne(serving)
  await until(() => sink.sent.some(({ body }) => pointsOf(metricsIn(body), 'latchkey.checks').length > 0))
  await end(serving)
})

test('a collector that takes a connection and never answers holds up no Check, and not the end', async () => {
  const silent = createServer((socket) => socket.resume().on('error', () => {})).listen(0, '127.0.0.1')
  onClose(() => void silent.close())
  await once(silent, 'listening')
  const connected = once(silent, 'connection')
  const address = silent.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const serving = await serve({
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_METRIC_EXPORT_INTERVAL: '20',
    OTEL_METRIC_EXPORT_TIMEOUT: '20',
    OTEL_EXPORTER_OTLP_TIMEOUT: '600000',
  })
  await connected
  await refuseOne(serving)
  const page = await (await fetch(`http://${serving.healthAddress}/metrics`)).text()
  expect(sumIn(samplesOf(page), 'latchkey_checks_total')).toBe(1)
  await end(serving)
})

test.each([
  ['grpc', 'metrics are not sent over OTLP'],
  ['http/protobuf', 'not a url'],
])('what cannot be used over %s is told in the log, and it serves with its page', async (protocol, told) => {
  const serving = await serve({
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'not a url',
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    OTEL_EXPORTER_OTLP_TIMEOUT: '300',
  })
  await refuseOne(serving)
  const page = await (await fetch(`http://${serving.healthAddress}/metrics`)).text()
  expect(sumIn(samplesOf(page), 'latchkey_check_duration_seconds_count')).toBe(1)
  expect(serving.log.some((line) => line.startsWith('{') && line.includes(told))).toBe(true)
  serving.process.kill('SIGTERM')
  expect(await serving.ended).toBe(0)
})
