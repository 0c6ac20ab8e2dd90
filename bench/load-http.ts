// A process of its own that sends one HTTP request over and over on keep-alive connections and counts whole answers.
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { runLoadProgram } from './load-program.ts'

export type HttpLoad = Readonly<{
  port: number
  /** The request, byte for byte. */
  request: string
  connections: number
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

runLoadProgram(async (load: HttpLoad) => () => run(load))

const run = async (load: HttpLoad): Promise<HttpLoadResult> => {
  const sockets = await Promise.all(Array.from({ length: load.connections }, () => open(load.port)))
  await keepSending(sockets, load.request, load.warmMs)
  const result = await keepSending(sockets, load.request, load.measureMs)
  for (const socket of sockets) socket.destroy()
  return result
}

const open = async (port: number): Promise<Socket> => {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const socket = connect({ port, host: '127.0.0.1', noDelay: true }, resolve)
  socket.setEncoding('latin1').once('error', reject)
  await promise
  return socket
}

const keepSending = async (
  sockets: readonly Socket[],
  request: string,
  forMs: number,
): Promise<HttpLoadResult> => {
  const statuses: Record<string, number> = {}
  const tookMs: number[] = []
  const startedMs = performance.now()
  const keep = async (socket: Socket) => {
    while (performance.now() - startedMs < forMs) {
      const sentMs = performance.now()
      socket.write(request)
      const status = await readAnswer(socket)
      tookMs.push(performance.now() - sentMs)
      statuses[status] = (statuses[status] ?? 0) + 1
    }
  }
  await Promise.all(sockets.map(keep))
  const seconds = (performance.now() - startedMs) / 1000
  const sorted = Float64Array.from(tookMs).sort()
  const quantile = (q: number) => sorted[Math.floor(q * (sorted.length - 1))] ?? 0
  return { requests: tookMs.length, seconds, p50Ms: quantile(0.5), p99Ms: quantile(0.99), statuses }
}

/** Resolves with the status when the whole body, told by content-length, has arrived. */
const readAnswer = (socket: Socket): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ''
    const read = (chunk: string) => {
      text += chunk
      const head = text.indexOf('\r\n\r\n')
      if (head < 0) return
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 'NaN')
      if (Number.isNaN(length))
        return reject(new Error(`an answer without content-length: ${text.slice(0, 200)}`))
      if (text.length < head + 4 + length) return
      socket.off('data', read)
      socket.off('close', closed)
      resolve(text.slice(9, 12))
    }
    const closed = () => reject(new Error('the connection was closed'))
    socket.on('data', read).once('close', closed)
  })
