// A small OTLP/HTTP collector: keeps the spans of Envoy and Latchkey so that a trace can be shown and tested.

import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { listenOn } from './listen.ts'
import type { Span } from './otlp.ts'
import { spansFromJson, spansFromProtobuf } from './otlp.ts'

export type TraceCollector = Readonly<{
  port: number
  /** Every span kept, oldest first. */
  spans(): readonly Span[]
  /** Resolves with the first span, held or to come, that is meant; rejects after `timeoutMs`. */
  waitFor(what: string, isMeant: (span: Span) => boolean, timeoutMs: number): Promise<Span>
  /** Called for each span that arrives. Returns how to stop. */
  onSpan(listener: (span: Span) => void): () => void
  close(): Promise<void>
}>

const MAX_SPANS = 10_000

export const startTraceCollector = async (options: { port?: number } = {}): Promise<TraceCollector> => {
  const held: Span[] = []
  const listeners = new Set<(span: Span) => void>()
  const keep = (span: Span) => {
    held.push(span)
    if (held.length > MAX_SPANS) held.shift()
    for (const listener of listeners) listener(span)
  }
  const server = createServer((request, response) => {
    receive(request).then(
      (spans) => {
        for (const span of spans) keep(span)
        response.writeHead(200, { 'content-type': request.headers['content-type'] ?? 'application/json' })
        response.end(isJson(request) ? '{}' : '')
      },
      () => response.writeHead(400).end(),
    )
  })
  const listening = await listenOn(server, options.port)
  const onSpan = (listener: (span: Span) => void) => {
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }
  return {
    ...listening,
    spans: () => held,
    onSpan,
    async waitFor(what, isMeant, timeoutMs) {
      const found = held.find(isMeant)
      if (found !== undefined) return found
      const arrival = Promise.withResolvers<Span>()
      const stop = onSpan((span) => isMeant(span) && arrival.resolve(span))
      const timer = setTimeout(() => arrival.reject(new Error(`no span arrived: ${what}`)), timeoutMs)
      return arrival.promise.finally(() => {
        stop()
        clearTimeout(timer)
      })
    },
  }
}

const isJson = (request: IncomingMessage): boolean =>
  request.headers['content-type']?.includes('json') ?? false

const receive = async (request: IncomingMessage): Promise<Span[]> => {
  const sent = await buffer(request)
  const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent
  if (request.url !== '/v1/traces') return []
  return isJson(request) ? spansFromJson(body.toString('utf8')) : spansFromProtobuf(body)
}
