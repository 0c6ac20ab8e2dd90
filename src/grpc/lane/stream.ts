// One call: what arrived of it, and how it is answered.
import { FLAG, FRAME_HEAD, frame, TYPE, writeHead } from './frame.ts'
import { httpError, OK_TRAILERS, RESPONSE_HEAD, STATUS, trailers, trailersOnly } from './grpc-status.ts'
import type { Outbox, Sending } from './outbox.ts'
import type { Receiving } from './receiving.ts'
import type { RequestHead } from './request-head.ts'

/** What a method sees of a call. After `end` or a reset nothing more is sent, whatever is asked. */
export type LaneCall = Readonly<{
  head: RequestHead
  /** Called once when the caller gives up, or is gone, before the call has ended. */
  onCancelled(listener: () => void): void
  /** One message of a stream of answers. */
  send(message: Uint8Array): void
  end(code: number, details: string): void
  /** The only message, and the end. */
  answer(message: Uint8Array): void
}>

const MESSAGE_HEAD = 5

export const createLaneCall = (outbox: Outbox, receiving: Receiving, head: RequestHead): LaneCall => {
  const { sending } = receiving
  let begun = false
  let over = false
  const begin = () => {
    if (!begun) outbox.write(headersFrame(sending.id, RESPONSE_HEAD, FLAG.endHeaders))
    begun = true
  }
  receiving.cancelled = () => {
    over = true
    listener?.()
  }
  let listener: (() => void) | undefined
  const end = (code: number, details: string) => {
    if (over) return
    over = true
    if (!begun) return endAtOnce(outbox, sending, trailersOnly(code, details))
    sending.trailers = trailers(code, details)
    outbox.push(sending)
  }
  return {
    head,
    onCancelled: (told) => {
      listener = told
    },
    send(message) {
      if (over) return
      begin()
      sending.waiting.push(framed(message))
      outbox.push(sending)
    },
    end,
    answer(message) {
      if (over) return
      over = true
      const length = MESSAGE_HEAD + message.length
      if (!begun && outbox.mayTake(sending, length)) {
        writeWholeAnswer(outbox, sending.id, message)
        outbox.ended(sending)
        return
      }
      begin()
      sending.waiting.push(framed(message))
      sending.trailers = trailers(STATUS.ok, '')
      outbox.push(sending)
    },
  }
}

/** Head and end in one: an error before any message, or an answer in HTTP. */
export const endAtOnce = (outbox: Outbox, sending: Sending, block: Buffer): void => {
  outbox.write(headersFrame(sending.id, block, FLAG.endHeaders | FLAG.endStream))
  outbox.ended(sending)
}

/** To who speaks no gRPC. */
export const answerInHttp = (outbox: Outbox, sending: Sending, status: 405 | 415): void => {
  outbox.write(headersFrame(sending.id, httpError(status), FLAG.endHeaders))
  sending.waiting.push(NO_GRPC)
  sending.trailers = trailers(STATUS.internal, '')
  outbox.push(sending)
}

const NO_GRPC = Buffer.from('this is a gRPC server\n')

/** Our blocks are small: one frame takes any of them. */
const headersFrame = (stream: number, block: Buffer, flags: number): Buffer =>
  frame(TYPE.headers, flags, stream, block)

/** Not compressed, its length, the message. */
const framed = (message: Uint8Array): Buffer => {
  const bytes = Buffer.allocUnsafe(MESSAGE_HEAD + message.length)
  bytes[0] = 0
  bytes.writeUInt32BE(message.length, 1)
  bytes.set(message, MESSAGE_HEAD)
  return bytes
}

/** Head, message and trailers at once, as nearly every answer is. */
const writeWholeAnswer = (outbox: Outbox, stream: number, message: Uint8Array): void => {
  const length = MESSAGE_HEAD + message.length
  outbox.fill(AROUND_A_MESSAGE + length, (bytes, begin) => {
    let at = writeHead(bytes, begin, TYPE.headers, FLAG.endHeaders, stream, RESPONSE_HEAD.length)
    bytes.set(RESPONSE_HEAD, at)
    at = writeHead(bytes, at + RESPONSE_HEAD.length, TYPE.data, 0, stream, length)
    bytes[at] = 0
    bytes.writeUInt32BE(message.length, at + 1)
    bytes.set(message, at + MESSAGE_HEAD)
    at = writeHead(bytes, at + length, TYPE.headers, LAST_HEADERS, stream, OK_TRAILERS.length)
    bytes.set(OK_TRAILERS, at)
  })
}

const AROUND_A_MESSAGE = 3 * FRAME_HEAD + RESPONSE_HEAD.length + OK_TRAILERS.length
const LAST_HEADERS = FLAG.endHeaders | FLAG.endStream
