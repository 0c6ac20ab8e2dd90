// A server for unary gRPC calls from a peer that we know and trust: many small calls on few long connections.
import type { Server } from 'node:net'
import { createServer } from 'node:net'
import { STATUS_CODE } from '../status-code.ts'
import type { LaneConnection } from './connection.ts'
import { serveConnection } from './connection.ts'
import type { LaneCall } from './stream.ts'

/** Answers with one message, or ends with a status; a method that streams sends as many as it likes before. */
export type LaneMethod = (call: LaneCall, message: Buffer) => void

export type LaneOptions = Readonly<{
  /** By path: `/package.Service/Method`. */
  methods: ReadonlyMap<string, LaneMethod>
  maxMessageBytes: number
  /** Age at which a connection is drained, a tenth more or less, and how long its calls may last then; undefined: never. */
  maxAge: Readonly<{ ageMs: number; graceMs: number }> | undefined
  monotonicMs: () => number
  /** A connection was ended because its peer broke the protocol or a limit. */
  broken: (why: string) => void
}>

export type Lane = Readonly<{
  server: Server
  /** Takes no new connection and no new call, and resolves when those in flight have ended; after `patienceMs` they are cut. */
  drain(patienceMs: number): Promise<void>
}>

const MESSAGE_HEAD = 5

/** `server` is not listening yet. */
export const createLane = (options: LaneOptions): Lane => {
  const { methods, maxMessageBytes, monotonicMs, maxAge, broken } = options
  const connections = new Set<LaneConnection>()
  const called = (call: LaneCall, body: Buffer) => {
    const method = methods.get(call.head.path)
    if (method === undefined) return call.end(STATUS_CODE.UNIMPLEMENTED, 'there is no such method')
    if (body.length < MESSAGE_HEAD) return call.end(STATUS_CODE.INTERNAL, 'the call has no message')
    if (body[0] !== 0) return call.end(STATUS_CODE.UNIMPLEMENTED, 'compressed messages are not understood')
    if (body.readUInt32BE(1) !== body.length - MESSAGE_HEAD)
      return call.end(STATUS_CODE.INTERNAL, 'the call has not exactly one message')
    method(call, body.subarray(MESSAGE_HEAD))
  }
  const server = createServer((socket) => {
    const connection: LaneConnection = serveConnection(socket, {
      monotonicMs,
      called,
      maxBodyBytes: maxMessageBytes + MESSAGE_HEAD,
      broken,
      closed: () => {
        clearTimeout(aged)
        connections.delete(connection)
      },
    })
    connections.add(connection)
    let aged: NodeJS.Timeout | undefined
    if (maxAge === undefined) return
    aged = setTimeout(
      () => {
        connection.drain()
        aged = setTimeout(connection.destroy, maxAge.graceMs)
      },
      maxAge.ageMs * (0.9 + Math.random() * 0.2),
    )
  })
  return {
    server,
    async drain(patienceMs) {
      const { promise: closed, resolve } = Promise.withResolvers<void>()
      server.close(() => resolve())
      for (const connection of connections) connection.drain()
      const late = setTimeout(() => {
        for (const connection of connections) connection.destroy()
      }, patienceMs)
      await closed
      clearTimeout(late)
    },
  }
}
