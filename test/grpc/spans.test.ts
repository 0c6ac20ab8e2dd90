// A Check is one span, a child of Envoy's, that says what was decided and what it cost.
import { trace } from '@opentelemetry/api'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Decision } from '../../src/check/decision.ts'
import { deny } from '../../src/check/decision.ts'
import type { Call } from '../../src/kernel/call.ts'
import { Failure } from '../../src/kernel/failure.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { startTelemetry } from '../../src/telemetry/telemetry.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { aListing, anAllow } from '../support/decisions.ts'
import { aClient, aServer, ask } from '../support/grpc-rig.ts'
import type { CollectedSpan, OtlpCollector } from '../support/otlp-collector.ts'
import { createOtlpCollector } from '../support/otlp-collector.ts'
import { aKey, anOwner, aQuota, aState } from '../support/virtual-keys.ts'

const CHECK = 'envoy.service.auth.v3.Authorization/Check'
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const SPAN_ID = 'b7ad6b7169203331'
const FORGED = '00-11111111111111111111111111111111-2222222222222222-01'

const key = aKey({ id: 'key_7', owners: [anOwner({ path: 'acme/search' }), anOwner()] })

/** What the function in place of the decision does, by path. */
const CASES: Readonly<Record<string, (call: Call) => Decision>> = {
  '/cold': (call) => {
    Object.assign(call, { cache: 'miss', storeReads: 1, storeWrites: 1 })
    return anAllow({ key })
  },
  '/warm': (call) => {
    Object.assign(call, { cache: 'hit', storeWrites: 1 })
    return anAllow({ key })
  },
  '/near': () => {
    const quota = aQuota({ subject: 'acme/search', period: 'month', amount: 200 })
    return anAllow({ key, near: [{ state: aState({ quota }), percent: 83 }] })
  },
  '/denied': () => deny('model_not_allowed', 'words', { key }),
  '/listing': () => aListing([]),
  '/would-deny': () => anAllow({ wouldDeny: deny('outside_hours', 'words') }),
  '/would-list': () => ({ ...aListing([]), wouldDeny: deny('outside_hours', 'words') }),
  '/unknown': () => {
    throw new Failure('store_unavailable', 'words')
  },
  '/bug': () => {
    throw new Error('words')
  },
  '/child': () => {
    trace.getTracer('store').startSpan('SELECT').end()
    return anAllow()
  },
}

let collector: OtlpCollector
const spans = new Map<string, CollectedSpan>()
const spansOf = new Map<string, readonly CollectedSpan[]>()

/** One server, one question for each case, then everything flushed: spans are known by the trace they were asked in. */
beforeAll(async () => {
  collector = await createOtlpCollector()
  Object.assign(process.env, {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
  })
  const log = createLogger({ level: 'silent', format: 'json' })
  const options = { version: '1.2.3', traces: true, metrics: false, serviceName: 'latchkey' }
  const telemetry = await startTelemetry(options, log)
  const server = await aServer({}, async (request, call) => {
    const decide = CASES[request?.path ?? '']
    // What the store does lies behind waits.
    await new Promise(setImmediate)
    if (decide === undefined) throw new Error('no such case')
    return decide(call)
  })
  const client = aClient(server.address)
  const traces = Object.keys(CASES).map((path, index) => [path, `${TRACE_ID.slice(0, -1)}${index}`] as const)
  for (const [path, traceId] of traces) {
    const request = aCheckRequest({ path, headers: [['traceparent', FORGED]] })
    await ask(client, request, { traceparent: `00-${traceId}-${SPAN_ID}-01` })
  }
  await ask(client, aCheckRequest({ path: '/warm', headers: [['traceparent', FORGED]] }))
  await server.drain()
  await telemetry.close()
  for (const [path, traceId] of traces) {
    const found = collector.spans.filter((span) => span.traceId === traceId)
    spansOf.set(path, found)
    const check = found.find(({ name }) => name === CHECK)
    if (check !== undefined) spans.set(path, check)
  }
})

afterAll(() => collector.close())

it("is a server span whose parent is Envoy's", () => {
  for (const path of Object.keys(CASES)) {
    expect(spans.get(path)).toMatchObject({ name: CHECK, kind: 2, parentSpanId: SPAN_ID })
    expect(spansOf.get(path)?.filter(({ name }) => name === CHECK)).toHaveLength(1)
  }
})

it("never has the client's own header for a parent", () => {
  expect(collector.sent()).not.toMatch(/1{32}|2{16}/)
  const roots = collector.spans.filter(({ parentSpanId }) => parentSpanId === '')
  expect(roots).toMatchObject([{ name: CHECK, attributes: { 'latchkey.decision': 'allow' } }])
})

it.each([
  ['/cold', { 'latchkey.cache': 'miss', 'latchkey.store.reads': 1, 'latchkey.store.writes': 1 }],
  ['/warm', { 'latchkey.cache': 'hit', 'latchkey.store.reads': 0, 'latchkey.store.writes': 1 }],
])('of an Allow (%s) says who, and what it cost', (path, cost) => {
  expect(spans.get(path)?.attributes).toEqual({
    'rpc.system.name': 'grpc',
    'rpc.method': CHECK,
    'rpc.response.status_code': 'OK',
    'latchkey.decision': 'allow',
    'latchkey.decision.id': expect.stringMatching(/^dec_/),
    'latchkey.key.id': 'key_7',
    'latchkey.owner': 'acme/search',
    ...cost,
  })
  expect(spans.get(path)?.statusCode).toBe(0)
})

it.each([
  [
    '/denied',
    { 'latchkey.decision': 'deny', 'latchkey.reason': 'model_not_allowed', 'latchkey.key.id': 'key_7' },
    0,
  ],
  ['/listing', { 'latchkey.decision': 'listing' }, 0],
  ['/would-deny', { 'latchkey.decision': 'allow', 'latchkey.would_deny': 'outside_hours' }, 0],
  ['/would-list', { 'latchkey.decision': 'listing', 'latchkey.would_deny': 'outside_hours' }, 0],
  ['/unknown', { 'latchkey.decision': 'deny', 'latchkey.reason': 'store_unavailable' }, 2],
  ['/bug', { 'latchkey.decision': 'deny', 'latchkey.reason': 'internal_error' }, 2],
])('of %s says what was decided, and is an error only when we failed', (path, attributes, statusCode) => {
  expect(spans.get(path)).toMatchObject({ attributes, statusCode })
})

it('has an event for a limit that is nearly used up', () => {
  expect(spans.get('/near')?.events).toEqual([
    {
      name: 'latchkey.soft_limit',
      attributes: {
        'latchkey.limit.subject': 'acme/search',
        'latchkey.limit.unit': 'requests',
        'latchkey.limit.period': 'month',
        'latchkey.limit.amount': 200,
        'latchkey.limit.used_percent': 83,
      },
    },
  ])
  expect(spans.get('/warm')?.events).toEqual([])
})

it('is the parent of what the store does meanwhile', () => {
  const child = spansOf.get('/child')?.find(({ name }) => name === 'SELECT')
  expect(child?.parentSpanId).toBe(spans.get('/child')?.spanId)
})

it('names the service, its version and what the environment adds', () => {
  expect(spans.get('/cold')?.resource).toMatchObject({
    'service.name': 'latchkey',
    'service.version': '1.2.3',
    'deployment.environment.name': 'test',
  })
})
