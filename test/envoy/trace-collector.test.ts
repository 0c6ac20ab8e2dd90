// The demo's collector: both encodings of OTLP say the same, and a trace reads as a tree.
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Span } from '../../src/cli/demo/otlp.ts'
import type { TraceCollector } from '../../src/cli/demo/trace-collector.ts'
import { startTraceCollector } from '../../src/cli/demo/trace-collector.ts'
import { traceTree } from '../../src/cli/demo/trace-tree.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'

const PARENT: Span = {
  traceId: TRACE,
  spanId: '00f067aa0ba902b7',
  parentSpanId: '',
  name: 'ingress',
  service: 'envoy',
  startNs: 1_700_000_000_000_000_000n,
  endNs: 1_700_000_000_012_300_000n,
  attributes: { 'http.status_code': '200', sampled: true, retries: 2, share: 0.5 },
  links: [],
}

const CHILD: Span = {
  ...PARENT,
  spanId: 'b7ad6b7169203331',
  parentSpanId: PARENT.spanId,
  name: 'Check',
  attributes: { 'latchkey.store.reads': 1 },
  links: ['0102030405060708'],
}

/** Written by hand, to the field numbers of opentelemetry/proto/trace/v1. */
const field = (number: number, type: 'bytes' | 'fixed64' | 'varint', value: Uint8Array): Buffer => {
  const wire = { varint: 0, fixed64: 1, bytes: 2 }[type]
  return Buffer.concat([
    varint((number << 3) | wire),
    ...(type === 'bytes' ? [varint(value.length)] : []),
    value,
  ])
}

const varint = (value: number): Buffer => {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest])
    bytes.push((rest % 128) + 128)
  }
}

const bytesOf = (...parts: readonly Buffer[]) => Buffer.concat(parts)
const utf8 = (number: number, text: string) => field(number, 'bytes', Buffer.from(text))
const hex = (number: number, text: string) => field(number, 'bytes', Buffer.from(text, 'hex'))

const fixed64 = (number: number, value: bigint): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return field(number, 'fixed64', bytes)
}

const anyValue = (value: string | number | boolean): Buffer => {
  if (typeof value === 'string') return utf8(1, value)
  if (typeof value === 'boolean') return field(2, 'varint', varint(Number(value)))
  if (Number.isInteger(value)) return field(3, 'varint', varint(value))
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return field(4, 'fixed64', bytes)
}

const attribute = (number: number, key: string, value: string | number | boolean): Buffer =>
  field(number, 'bytes', bytesOf(utf8(1, key), field(2, 'bytes', anyValue(value))))

const protobuf = (spans: readonly Span[]): Buffer => {
  const encoded = spans.map((span) =>
    field(
      2,
      'bytes',
      bytesOf(
        hex(1, span.traceId),
        hex(2, span.spanId),
        hex(4, span.parentSpanId),
        utf8(5, span.name),
        fixed64(7, span.startNs),
        fixed64(8, span.endNs),
        ...Object.entries(span.attributes).map(([key, value]) => attribute(9, key, value)),
        ...span.links.map((link) => field(13, 'bytes', hex(2, link))),
      ),
    ),
  )
  const resource = field(1, 'bytes', attribute(1, 'service.name', 'envoy'))
  return field(1, 'bytes', bytesOf(resource, field(2, 'bytes', bytesOf(...encoded))))
}

const jsonValue = (value: string | number | boolean) => {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value }
}

const json = (spans: readonly Span[]): string =>
  JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'envoy' } }] },
        scopeSpans: [
          {
            spans: spans.map(({ startNs, endNs, attributes, links, ...span }) => ({
              ...span,
              startTimeUnixNano: String(startNs),
              endTimeUnixNano: String(endNs),
              attributes: Object.entries(attributes).map(([key, value]) => ({
                key,
                value: jsonValue(value),
              })),
              links: links.map((spanId) => ({ traceId: TRACE, spanId })),
            })),
          },
        ],
      },
    ],
  })

let collector: TraceCollector
beforeAll(async () => {
  collector = await startTraceCollector()
})
afterAll(() => collector.close())

const post = (body: string | Buffer, headers: Record<string, string>) =>
  fetch(`http://127.0.0.1:${collector.port}/v1/traces`, { method: 'POST', body, headers })

it.each<[string, () => Promise<Response>]>([
  ['protobuf', () => post(protobuf([PARENT, CHILD]), { 'content-type': 'application/x-protobuf' })],
  ['JSON', () => post(json([PARENT, CHILD]), { 'content-type': 'application/json' })],
  [
    'compressed protobuf',
    () =>
      post(gzipSync(protobuf([PARENT, CHILD])), {
        'content-type': 'application/x-protobuf',
        'content-encoding': 'gzip',
      }),
  ],
])('spans in %s are kept as they were sent', async (_, send) => {
  const before = collector.spans().length
  expect((await send()).status).toBe(200)
  expect(collector.spans().slice(before)).toEqual([PARENT, CHILD])
})

it('what is no export is refused, and the collector goes on', async () => {
  expect((await post('{', { 'content-type': 'application/json' })).status).toBe(400)
  expect((await post(json([PARENT]), { 'content-type': 'application/json' })).status).toBe(200)
})

it('waiting for a span that never comes says which', async () => {
  await expect(collector.waitFor('the missing one', () => false, 1)).rejects.toThrow('the missing one')
})

it('a trace reads as a tree, and shows the attributes that were asked for', () => {
  expect(traceTree([CHILD, PARENT], TRACE, ['latchkey.store.reads'])).toEqual([
    `trace ${TRACE}`,
    '└─ envoy: ingress  12.3 ms',
    '   └─ envoy: Check  12.3 ms  latchkey.store.reads=1',
  ])
})
