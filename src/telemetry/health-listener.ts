// A small HTTP listener for probes and scrapers: /livez, /readyz, /metrics and documents handed in, nothing else.
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { Rejection } from '../kernel/failure.ts'
import { formatHostPort, parseListenAddress } from '../kernel/listen-address.ts'

export type Component = Readonly<{
  ok: boolean
  /** False when requests can be sent here although it is not ok. */
  essential?: boolean
  detail?: string
}>

export type HealthDeps = Readonly<{
  /** Each part by name; those that are essential must be ok before a request should be sent here. */
  components(): Promise<Readonly<Record<string, Component>>>
  /** The metrics page. */
  renderMetrics(): Promise<string>
}>

/** By path: what anybody may read, made when asked for. */
export type HealthDocuments = ReadonlyMap<
  string,
  () => Readonly<{ body: string; contentType: string; cacheControl: string }>
>

export type HealthOptions = Readonly<{
  listen: string
  documents?: HealthDocuments
  answerTimeoutMs?: number
}>

export type HealthListener = Readonly<{ address: string; close(): Promise<void> }>

/** `listen` is HOST:PORT. Throws Rejection when it cannot listen there. */
export const startHealthListener = async (
  { listen, documents = new Map(), answerTimeoutMs = 2_000 }: HealthOptions,
  deps: HealthDeps,
): Promise<HealthListener> => {
  const address = parseListenAddress(listen)
  if (address.kind === 'unix')
    throw new Rejection('invalid', 'the health listener takes HOST:PORT, not a socket file')
  const server = createServer((request, response) => {
    void respond(request, { ...deps, documents }, answerTimeoutMs).then((answer) =>
      send(request, response, answer),
    )
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(address.port, address.host, resolve)
  await promise.catch((cause: Error) => {
    throw new Rejection('conflict', `cannot listen on ${listen} for health: ${cause.message}`)
  })
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : address.port
  return { address: formatHostPort(address.host, port), close: () => close(server) }
}

type Answer = Readonly<{
  status: number
  type: 'json' | 'text'
  body: string
  /** Besides content-type and that it is not stored, or in their place. */
  headers?: Readonly<Record<string, string>>
}>

const respond = async (
  { method, url = '' }: IncomingMessage,
  { components, renderMetrics, documents }: HealthDeps & Readonly<{ documents: HealthDocuments }>,
  timeoutMs: number,
): Promise<Answer> => {
  const [path = ''] = url.split('?', 1)
  const document = documents.get(path)
  if (document === undefined && !['/livez', '/readyz', '/metrics'].includes(path))
    return { status: 404, type: 'text', body: 'not found\n' }
  if (method !== 'GET' && method !== 'HEAD')
    return { status: 405, type: 'text', body: 'only GET and HEAD\n', headers: { allow: 'GET, HEAD' } }
  try {
    if (document !== undefined) {
      const { body, contentType, cacheControl } = document()
      const headers = { 'content-type': contentType, 'cache-control': cacheControl }
      return { status: 200, type: 'json', body, headers }
    }
    if (path === '/livez') return json(200, { status: 'live' })
    if (path === '/metrics')
      return { status: 200, type: 'text', body: await inTime(renderMetrics(), timeoutMs) }
    const parts = await inTime(components(), timeoutMs)
    const ready = Object.values(parts).every(({ ok, essential = true }) => ok || !essential)
    return json(ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', components: parts })
  } catch (error) {
    return json(503, { status: 'not ready', error: error instanceof Error ? error.message : 'unknown' })
  }
}

const json = (status: number, value: unknown): Answer => ({
  status,
  type: 'json',
  body: `${JSON.stringify(value)}\n`,
})

const CONTENT_TYPES = { json: 'application/json', text: 'text/plain; version=0.0.4; charset=utf-8' } as const

const send = (
  request: IncomingMessage,
  response: ServerResponse,
  { status, type, body, headers }: Answer,
): void => {
  response.writeHead(status, {
    'content-type': CONTENT_TYPES[type],
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...headers,
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

/** A probe waits for no longer than its own patience, which nobody tells us. */
const inTime = async <T>(work: Promise<T>, timeoutMs: number): Promise<T> => {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

const close = async (server: Server): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  server.closeAllConnections()
  await promise
}
