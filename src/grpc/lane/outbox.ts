// What a connection sends: DATA no faster than the peer's windows allow. RFC 9113, 5.2 and 6.9.
import type { Socket } from 'node:net'
import {
  ConnectionError,
  ERROR,
  FIRST_WINDOW,
  FLAG,
  FRAME_HEAD,
  FRAME_SIZE,
  LARGEST_WINDOW,
  TYPE,
  writeHead,
} from './frame.ts'
import type { JoinedWrites } from './joined-writes.ts'
import { createJoinedWrites } from './joined-writes.ts'

/** What a stream has yet to send. */
export type Sending = {
  readonly id: number
  /** What the peer takes on this stream; may be negative after it changed its mind. */
  window: number
  /** DATA payloads, none of them empty, in order; the first one from `sent` on. */
  waiting: Buffer[]
  sent: number
  /** The block of the trailers that end it, once they are known. */
  trailers: Buffer | undefined
}

export type Outbox = Readonly<{
  /** A frame that no window counts. */
  write(frame: Buffer): void
  /** The same, written in its place; also a whole answer that `mayTake` has counted. */
  fill: JoinedWrites['fill']
  /** Half closes the connection after all that was written. */
  finish(): void
  open(id: number): Sending
  /** Sends as much of what waits as the windows allow; the rest goes when they open. Ends the stream when its trailers were written. */
  push(sending: Sending): void
  forget(sending: Sending): void
  /** The last of it was written. */
  ended(sending: Sending): void
  /** 6.9: stream undefined: the connection's. Throws ConnectionError; false: it is the stream that must be reset. */
  widen(sending: Sending | undefined, increment: number): boolean
  /** 6.9.2: all streams' windows move by as much. */
  setInitialWindow(size: number, streams: Iterable<Sending>): void
  setMaxFrameSize(size: number): void
  /** A whole answer that fits at once may be written as one; the caller writes `length` bytes of DATA. */
  mayTake(sending: Sending, length: number): boolean
}>

export const createOutbox = (socket: Socket, ended: (sending: Sending) => void): Outbox => {
  let window = FIRST_WINDOW
  let initialWindow = FIRST_WINDOW
  let maxFrameSize = FRAME_SIZE
  const { fill, flush } = createJoinedWrites(socket)
  /** Streams that wait for the connection's window and no other, oldest first. */
  const blocked = new Set<Sending>()

  /** One DATA frame of what waits. */
  const sendSome = (sending: Sending, payload: Buffer) => {
    const length = Math.min(payload.length - sending.sent, sending.window, window, maxFrameSize)
    fill(FRAME_HEAD + length, (bytes, at) => {
      const from = writeHead(bytes, at, TYPE.data, 0, sending.id, length)
      payload.copy(bytes, from, sending.sent, sending.sent + length)
    })
    sending.sent += length
    sending.window -= length
    window -= length
    if (sending.sent < payload.length) return
    sending.waiting.shift()
    sending.sent = 0
  }

  const push = (sending: Sending) => {
    for (let next = sending.waiting[0]; next !== undefined; next = sending.waiting[0]) {
      if (sending.window <= 0 || window <= 0) {
        if (sending.window > 0) blocked.add(sending)
        else blocked.delete(sending)
        return
      }
      sendSome(sending, next)
    }
    blocked.delete(sending)
    if (sending.trailers === undefined) return
    const { trailers, id } = sending
    const flags = FLAG.endHeaders | FLAG.endStream
    fill(FRAME_HEAD + trailers.length, (bytes, at) => {
      bytes.set(trailers, writeHead(bytes, at, TYPE.headers, flags, id, trailers.length))
    })
    ended(sending)
  }

  return {
    fill,
    write: (frame) => fill(frame.length, (bytes, at) => bytes.set(frame, at)),
    finish() {
      flush()
      socket.end()
    },
    open: (id) => ({ id, window: initialWindow, waiting: [], sent: 0, trailers: undefined }),
    push,
    ended,
    forget: (sending) => {
      blocked.delete(sending)
    },
    widen(sending, increment) {
      if (sending === undefined) {
        if (window + increment > LARGEST_WINDOW)
          throw new ConnectionError(ERROR.flowControl, 'the window of the connection is too large')
        window += increment
        for (const waiting of blocked) {
          if (window <= 0) break
          push(waiting)
        }
        return true
      }
      if (sending.window + increment > LARGEST_WINDOW) return false
      sending.window += increment
      push(sending)
      return true
    },
    setInitialWindow(size, streams) {
      if (size > LARGEST_WINDOW) throw new ConnectionError(ERROR.flowControl, 'the first window is too large')
      const change = size - initialWindow
      initialWindow = size
      for (const sending of streams) {
        if (sending.window + change > LARGEST_WINDOW)
          throw new ConnectionError(ERROR.flowControl, 'the window of a stream is too large')
        sending.window += change
        if (sending.waiting.length > 0) push(sending)
      }
    },
    setMaxFrameSize: (size) => {
      maxFrameSize = size
    },
    mayTake(sending, length) {
      if (sending.waiting.length > 0 || length > Math.min(sending.window, window, maxFrameSize)) return false
      sending.window -= length
      window -= length
      return true
    },
  }
}
