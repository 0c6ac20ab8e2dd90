// A process of its own that sends one HTTP request over and over: as fast as it is answered, or so many a second, on time.
import type { HttpConnection } from './http-connection.ts'
import { openHttpConnection } from './http-connection.ts'
import { runLoadProgram } from './load-program.ts'

export type HttpLoad = Readonly<{
  port: number
  /** The request, byte for byte. */
  request: string
  connections: number
  /** Undefined: each connection sends the next one when the last was answered. */
  perSecond?: number
  warmMs: number
  measureMs: number
}>

export type HttpLoadResult = Readonly<{
  requests: number
  seconds: number
  p50Ms: number
  p99Ms: number
  statuses: Readonly<Record<string, number>>
}>

const TICK_MS = 2

runLoadProgram(async (load: HttpLoad) => () => run(load))

const run = async (load: HttpLoad): Promise<HttpLoadResult> => {
  const connections = await Promise.all(
    Array.from({ length: load.connections }, () => openHttpConnection(load.port)),
  )
  const send = load.perSecond === undefined ? keepSending : sendOnTime
  await send(connections, load, load.warmMs)
  const result = await send(connections, load, load.measureMs)
  for (const connection of connections) connection.close()
  return result
}

const keepSending = async (
  connections: readonly HttpConnection[],
  { request }: HttpLoad,
  forMs: number,
): Promise<HttpLoadResult> => {
  const taken = createTaken()
  const keep = async (connection: HttpConnection) => {
    while (taken.elapsedMs() < forMs) {
      const sentMs = performance.now()
      taken.add(await connection.ask(request), sentMs)
    }
  }
  await Promise.all(connections.map(keep))
  return taken.result()
}

/** A request that finds no free connection waits for one, and its wait counts from when it was sent off. */
const sendOnTime = async (
  connections: readonly HttpConnection[],
  { request, perSecond = 0 }: HttpLoad,
  forMs: number,
): Promise<HttpLoadResult> => {
  const taken = createTaken()
  const free = [...connections]
  const waiting: number[] = []
  const under = new Set<Promise<void>>()
  const sendWaiting = () => {
    for (let connection = free.pop(); connection !== undefined; connection = free.pop()) {
      const dueMs = waiting.shift()
      if (dueMs === undefined) {
        free.push(connection)
        return
      }
      const one = ask(connection, dueMs).finally(() => under.delete(one))
      under.add(one)
    }
  }
  const ask = async (connection: HttpConnection, dueMs: number) => {
    taken.add(await connection.ask(request), dueMs)
    free.push(connection)
    sendWaiting()
  }
  let due = 0
  const over = Promise.withResolvers<void>()
  const timer = setInterval(() => {
    const elapsedMs = taken.elapsedMs()
    for (const until = (Math.min(elapsedMs, forMs) / 1_000) * perSecond; due < until; due += 1)
      waiting.push(performance.now())
    sendWaiting()
    if (elapsedMs >= forMs && waiting.length === 0) over.resolve()
  }, TICK_MS)
  await over.promise
  clearInterval(timer)
  await Promise.all(under)
  return taken.result()
}

const createTaken = () => {
  const statuses: Record<string, number> = {}
  const tookMs: number[] = []
  const startedMs = performance.now()
  const elapsedMs = () => performance.now() - startedMs
  return {
    elapsedMs,
    add: (status: string, sinceMs: number) => {
      tookMs.push(performance.now() - sinceMs)
      statuses[status] = (statuses[status] ?? 0) + 1
    },
    result: (): HttpLoadResult => {
      const sorted = Float64Array.from(tookMs).sort()
      const quantile = (q: number) => sorted[Math.floor(q * (sorted.length - 1))] ?? 0
      const seconds = elapsedMs() / 1_000
      return { requests: tookMs.length, seconds, p50Ms: quantile(0.5), p99Ms: quantile(0.99), statuses }
    },
  }
}
