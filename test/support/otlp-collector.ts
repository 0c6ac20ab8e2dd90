// A collector that takes spans over OTLP as JSON and hands them out plainly.

import { once } from 'node:events'
import { createServer } from 'node:http'

export type CollectedSpan = Readonly<{
  traceId: string
  spanId: string
  parentSpanId: string
  name: string
  kind: number
  attributes: Readonly<Record<string, unknown>>
  resource: Readonly<Record<string, unknown>>
  statusCode: number
  events: readonly Readonly<{ name: string; attributes: Readonly<Record<string, unknown>> }>[]
}>

export type OtlpCollector = Readonly<{
  url: string
  spans: readonly CollectedSpan[]
  /** Everything that was sent, as text. */
  sent(): string
  close(): Promise<void>
}>

export const createOtlpCollector = async (): Promise<OtlpCollector> => {
  const spans: CollectedSpan[] = []
  const bodies: string[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      bodies.push(body)
      spans.push(...spansIn(JSON.parse(body) as Exported))
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    spans,
    sent: () => bodies.join('\n'),
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

type Attributes = readonly Readonly<{ key: string; value: Readonly<Record<string, unknown>> }>[]

type Exported = Readonly<{
  resourceSpans: readonly Readonly<{
    resource: Readonly<{ attributes: Attributes }>
    scopeSpans: readonly Readonly<{
      spans: readonly Readonly<{
        traceId: string
        spanId: string
        parentSpanId?: string
        name: string
        kind: number
        attributes: Attributes
        status: Readonly<{ code?: number }>
        events?: readonly Readonly<{ name: string; attributes: Attributes }>[]
      }>[]
    }>[]
  }>[]
}>

const spansIn = ({ resourceSpans }: Exported): readonly CollectedSpan[] =>
  resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ parentSpanId = '', attributes, status, events = [], ...span }) => ({
        ...span,
        parentSpanId,
        attributes: plain(attributes),
        resource: plain(resource.attributes),
        statusCode: status.code ?? 0,
        events: events.map(({ name, attributes: told }) => ({ name, attributes: plain(told) })),
      })),
    ),
  )

const plain = (attributes: Attributes): Readonly<Record<string, unknown>> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
