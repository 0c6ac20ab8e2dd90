// The streams of one connection: opened by a head, filled by DATA, closed by an answer or a reset. RFC 9113, section 5.
import type { ErrorCode } from './frame.ts'
import { ConnectionError, ERROR, FLAG, TYPE, uint32Frame } from './frame.ts'
import { TOO_LARGE } from './grpc-status.ts'
import type { HeadReader } from './head-reader.ts'
import type { FrameBudget } from './limits.ts'
import { connectionWindow, LIMITS, streamWindow } from './limits.ts'
import type { Outbox, Sending } from './outbox.ts'
import { withoutPadding } from './padding.ts'
import type { Receiving } from './receiving.ts'
import { headBytesOf, keepPiece, newReceiving, takeBody } from './receiving.ts'
import type { LaneCall } from './stream.ts'
import { answerInHttp, createLaneCall, endAtOnce } from './stream.ts'

export type Streams = Readonly<{
  takeBlock(id: number, isLast: boolean, block: Buffer): void
  takeData(id: number, flags: number, payload: Buffer): void
  takeReset(id: number): void
  takeWindowUpdate(id: number, increment: number): void
  /** An error of one stream alone. */
  reset(id: number, code: ErrorCode): void
  /** The last of an answer was written. */
  answered(id: number): void
  /** To look at all of them costs the peer as much as some frames. */
  sendings(): Iterable<Sending>
  size(): number
  /** Highest id that was opened. */
  last(): number
  /** From now on heads of new streams are read and passed over. */
  openNoMore(): void
  cancelAll(): void
}>

type Deps = Readonly<{
  outbox: Outbox
  heads: HeadReader
  budget: FrameBudget
  called: (call: LaneCall, body: Buffer) => void
  /** Largest body of a call, its framing included. */
  maxBodyBytes: number
  /** One was closed. */
  closed: () => void
}>

/** Windows are widened again when as much was used. */
const CREDIT_STEP = 1_048_576

export const createStreams = (deps: Deps): Streams => {
  const { outbox, heads, budget, maxBodyBytes } = deps
  const streams = new Map<number, Receiving>()
  /** Reset by us: what was on its way is passed over. */
  const resetHere = new Set<number>()
  let window: number = connectionWindow(maxBodyBytes)
  let used = 0
  let headBytes = 0
  let last = 0
  let opening = true

  /** The bytes are handed over or thrown away: the peer may send as many again. */
  const credit = (bytes: number) => {
    used += bytes
    if (used < CREDIT_STEP) return
    outbox.write(uint32Frame(TYPE.windowUpdate, 0, used))
    window += used
    used = 0
  }

  const forget = (stream: Receiving) => {
    streams.delete(stream.sending.id)
    outbox.forget(stream.sending)
    headBytes -= stream.headBytes
    credit(stream.bytes)
    stream.bytes = 0
    deps.closed()
  }

  const writeReset = (id: number, code: ErrorCode) => {
    outbox.write(uint32Frame(TYPE.rstStream, id, code))
    resetHere.add(id)
    const [oldest] = resetHere
    if (resetHere.size > LIMITS.rememberedResets && oldest !== undefined) resetHere.delete(oldest)
  }

  const reset = (id: number, code: ErrorCode) => {
    budget.spend()
    writeReset(id, code)
    const stream = streams.get(id)
    if (stream === undefined) return
    forget(stream)
    stream.call?.cancel()
  }

  const arrived = (stream: Receiving, data?: Buffer) => {
    const { head, sending } = stream
    stream.done = true
    if (head.contentLength !== undefined && Number(head.contentLength) !== stream.bytes)
      return reset(sending.id, ERROR.protocol)
    if (head.httpError !== undefined) return answerInHttp(outbox, sending, head.httpError)
    credit(stream.bytes)
    deps.called(createLaneCall(outbox, stream, head), takeBody(stream, data))
  }

  const takeTrailers = (id: number, isLast: boolean, block: Buffer) => {
    const wellFormed = heads.trailers(block)
    const stream = streams.get(id)
    if (stream === undefined && resetHere.has(id)) return
    if (stream === undefined || stream.done)
      throw new ConnectionError(ERROR.streamClosed, 'HEADERS on a stream that was closed')
    if (wellFormed && isLast) arrived(stream)
    else reset(id, ERROR.protocol)
  }

  const assertOpened = (id: number, what: string) => {
    // Of a stream that was passed over the rest may follow.
    if (id > last && opening)
      throw new ConnectionError(ERROR.protocol, `${what} on a stream that was not opened`)
  }

  return {
    takeBlock(id, isLast, block) {
      if (id <= last) return takeTrailers(id, isLast, block)
      const head = heads.head(block)
      // Sent before the peer read that nothing new is taken: it is sent again elsewhere.
      if (!opening) return
      last = id
      if (head === 'malformed') return reset(id, ERROR.protocol)
      if (head === 'too_large') return reset(id, ERROR.enhanceYourCalm)
      const bytes = headBytesOf(block, head)
      if (streams.size >= LIMITS.concurrentStreams || headBytes + bytes > LIMITS.headBytes)
        return reset(id, ERROR.refusedStream)
      headBytes += bytes
      const stream = newReceiving(outbox.open(id), head, bytes, streamWindow(maxBodyBytes))
      streams.set(id, stream)
      if (isLast) arrived(stream)
    },
    takeData(id, flags, payload) {
      assertOpened(id, 'DATA')
      window -= payload.length
      if (window < 0) throw new ConnectionError(ERROR.flowControl, 'more DATA than the connection takes')
      const data = withoutPadding(payload, flags)
      const isLast = (flags & FLAG.endStream) !== 0
      if (data.length === 0 && !isLast) budget.spend()
      const stream = streams.get(id)
      if (stream === undefined || stream.done) {
        credit(payload.length)
        if (id <= last && !resetHere.has(id)) reset(id, ERROR.streamClosed)
        return
      }
      credit(payload.length - data.length)
      stream.bytes += data.length
      stream.window -= payload.length
      if (stream.window < 0) return reset(id, ERROR.flowControl)
      if (stream.bytes > maxBodyBytes) return endAtOnce(outbox, stream.sending, TOO_LARGE)
      if (isLast) arrived(stream, data)
      else keepPiece(stream, data)
    },
    takeReset(id) {
      assertOpened(id, 'RST_STREAM')
      const stream = streams.get(id)
      if (stream === undefined) return
      forget(stream)
      stream.call?.cancel()
    },
    takeWindowUpdate(id, increment) {
      assertOpened(id, 'WINDOW_UPDATE')
      const stream = streams.get(id)
      if (id === 0 && increment === 0) throw new ConnectionError(ERROR.protocol, 'WINDOW_UPDATE by nothing')
      if (id !== 0 && stream === undefined) return
      if (increment === 0) reset(id, ERROR.protocol)
      else if (!outbox.widen(stream?.sending, increment)) reset(id, ERROR.flowControl)
    },
    reset,
    answered(id) {
      const stream = streams.get(id)
      if (stream === undefined) return
      // Answered before all of it came: the peer is told that the rest is not wanted (8.1).
      if (!stream.done) writeReset(id, ERROR.none)
      forget(stream)
    },
    sendings() {
      budget.spend(streams.size / LIMITS.streamsAFrame)
      return Array.from(streams.values(), ({ sending }) => sending)
    },
    size: () => streams.size,
    last: () => last,
    openNoMore: () => {
      opening = false
    },
    cancelAll() {
      const open = [...streams.values()]
      streams.clear()
      for (const { call } of open) call?.cancel()
    },
  }
}
