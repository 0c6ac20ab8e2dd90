// One peer's connection: its frames in order, its windows, its end. RFC 9113, sections 3 and 6.
import type { Socket } from 'node:net'
import {
  ConnectionError,
  ERROR,
  FIRST_WINDOW,
  FLAG,
  frame,
  goawayFrame,
  LARGEST_STREAM,
  LARGEST_WINDOW,
  SETTING,
  settingsFrame,
  TYPE,
  uint32Frame,
} from './frame.ts'
import { createFrameReader } from './frame-reader.ts'
import { createHeadReader } from './head-reader.ts'
import { createHeaderAssembly } from './header-assembly.ts'
import { connectionWindow, createFrameBudget, LIMITS, streamWindow } from './limits.ts'
import { createOutbox } from './outbox.ts'
import { dependsOnItself } from './padding.ts'
import { applySettings } from './peer-settings.ts'
import type { LaneCall } from './stream.ts'
import { createStreams } from './streams.ts'

export type LaneConnection = Readonly<{
  /** Takes no new call, lets those in flight end, then closes. */
  drain(): void
  destroy(): void
}>

export type ConnectionDeps = Readonly<{
  monotonicMs: () => number
  /** The body of a call is there, whole. */
  called: (call: LaneCall, body: Buffer) => void
  /** Largest body of a call, its framing included. */
  maxBodyBytes: number
  /** A peer broke the protocol, or a limit. */
  broken: (why: string) => void
  closed: () => void
}>

export const serveConnection = (socket: Socket, deps: ConnectionDeps): LaneConnection => {
  const { called, maxBodyBytes } = deps
  const budget = createFrameBudget(deps.monotonicMs)
  const outbox = createOutbox(socket, ({ id }) => streams.answered(id))
  let greeted = false
  let lingering: NodeJS.Timeout | undefined
  let draining: 'no' | 'announced' | 'closing' = 'no'
  const endWhenIdle = () => {
    if (draining === 'closing' && streams.size() === 0) outbox.finish()
  }
  const heads = createHeadReader()
  const streams = createStreams({ outbox, heads, budget, called, maxBodyBytes, closed: endWhenIdle })
  const assembly = createHeaderAssembly(streams.takeBlock)

  const takePing = (flags: number, payload: Buffer) => {
    if ((flags & FLAG.ack) === 0) return outbox.write(frame(TYPE.ping, FLAG.ack, 0, payload))
    if (draining !== 'announced' || !payload.equals(DRAIN_PING)) return
    // All that the peer sent before it knew has arrived: now the last stream can be named (6.8).
    draining = 'closing'
    streams.openNoMore()
    outbox.write(goawayFrame(streams.last(), ERROR.none))
    endWhenIdle()
  }

  /** Frames that carry no call. */
  const takeOther = (type: number, flags: number, id: number, payload: Buffer) => {
    budget.spend()
    assertForm(type, id, payload.length)
    if (type === TYPE.windowUpdate) streams.takeWindowUpdate(id, payload.readUInt32BE(0) & LARGEST_WINDOW)
    else if (type === TYPE.rstStream) streams.takeReset(id)
    else if (type === TYPE.ping) takePing(flags, payload)
    else if (type === TYPE.settings) applySettings(flags, payload, outbox, streams.sendings)
    else if (type === TYPE.priority && payload.length !== 5) streams.reset(id, ERROR.frameSize)
    else if (type === TYPE.priority && dependsOnItself(payload, id)) streams.reset(id, ERROR.protocol)
  }

  const take = (type: number, flags: number, id: number, payload: Buffer) => {
    const pending = assembly.pending()
    if (pending !== undefined && (type !== TYPE.continuation || id !== pending))
      throw new ConnectionError(ERROR.protocol, 'a header block was interrupted')
    if (!greeted && (type !== TYPE.settings || (flags & FLAG.ack) !== 0))
      throw new ConnectionError(ERROR.protocol, 'SETTINGS come first')
    greeted = true
    if (type === TYPE.headers) assembly.headers(id, flags, payload)
    else if (type === TYPE.continuation) assembly.continuation(flags, payload)
    else if (type === TYPE.data && id !== 0) streams.takeData(id, flags, payload)
    else takeOther(type, flags, id, payload)
  }

  const breakOff = ({ code, message }: ConnectionError) => {
    deps.broken(message)
    socket.off('data', read)
    socket.resume()
    outbox.write(goawayFrame(streams.last(), code))
    outbox.finish()
    streams.cancelAll()
    lingering = setTimeout(() => socket.destroy(), LINGER_MS)
  }

  const reader = createFrameReader(take)
  const read = (chunk: Buffer) => {
    try {
      reader.read(chunk)
    } catch (error) {
      // A mistake of ours costs this connection, and no other.
      breakOff(
        error instanceof ConnectionError
          ? error
          : new ConnectionError(ERROR.internal, `our bug: ${String(error)}`),
      )
    }
  }
  socket.setNoDelay(true)
  socket.on('data', read)
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    clearTimeout(lingering)
    streams.cancelAll()
    deps.closed()
  })
  outbox.write(
    settingsFrame([
      [SETTING.maxConcurrentStreams, LIMITS.concurrentStreams],
      [SETTING.initialWindowSize, streamWindow(maxBodyBytes)],
      [SETTING.maxHeaderListSize, LIMITS.headerListBytes],
    ]),
  )
  outbox.write(uint32Frame(TYPE.windowUpdate, 0, connectionWindow(maxBodyBytes) - FIRST_WINDOW))
  return {
    drain() {
      if (draining !== 'no') return
      draining = 'announced'
      // What is on its way is still taken.
      outbox.write(goawayFrame(LARGEST_STREAM, ERROR.none))
      outbox.write(frame(TYPE.ping, 0, 0, DRAIN_PING))
    },
    destroy: () => socket.destroy(),
  }
}

/** For a peer to read why it was ended, and to close. */
const LINGER_MS = 1_000

const DRAIN_PING = Buffer.from('latchkey')

/** Where each may stand, and how long it is. Of a type that nobody knows nothing is asked (4.1). */
const assertForm = (type: number, id: number, length: number): void => {
  const fail = (code: typeof ERROR.protocol | typeof ERROR.frameSize, what: string): never => {
    throw new ConnectionError(code, `a frame of type ${type} ${what}`)
  }
  if (OF_THE_CONNECTION.has(type) && id !== 0) fail(ERROR.protocol, 'stands on a stream')
  if (OF_A_STREAM.has(type) && id === 0) fail(ERROR.protocol, 'stands on no stream')
  if (type === TYPE.pushPromise) fail(ERROR.protocol, 'cannot come from a client')
  const wanted = LENGTHS.get(type)
  if (wanted !== undefined && length !== wanted) fail(ERROR.frameSize, `has ${wanted} bytes`)
  if (type === TYPE.goaway && length < 8) fail(ERROR.frameSize, 'has eight bytes at least')
}

const OF_THE_CONNECTION = new Set<number>([TYPE.settings, TYPE.ping, TYPE.goaway])
const OF_A_STREAM = new Set<number>([TYPE.data, TYPE.priority, TYPE.rstStream])
const LENGTHS = new Map<number, number>([
  [TYPE.windowUpdate, 4],
  [TYPE.rstStream, 4],
  [TYPE.ping, 8],
])
