// One call: what arrived of it, and how it is answered.
import { STATUS_CODE } from '../status-code.ts'
import { FLAG, FRAME_HEAD, frame, TYPE, writeHead } from './frame.ts'
import { httpError, OK_TRAILERS, RESPONSE_HEAD, trailers, trailersOnly } from './grpc-status.ts'
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

export const createLaneCall = (outbox: Outbox, receiving: Receiving, head: RequestHead): LaneCall =>
  new OpenCall(outbox, receiving, head)

class OpenCall implements LaneCall {
  readonly head: RequestHead
  readonly #outbox: Outbox
  readonly #sending: Sending
  #begun = false
  #over = false
  #listener: (() => void) | undefined

  constructor(outbox: Outbox, receiving: Receiving, head: RequestHead) {
    this.head = head
    this.#outbox = outbox
    this.#sending = receiving.sending
    receiving.call = this
  }

  onCancelled(listener: () => void): void {
    this.#listener = listener
  }

  cancel(): void {
    this.#over = true
    this.#listener?.()
  }

  send(message: Uint8Array): void {
    if (this.#over) return
    this.#begin()
    this.#sending.waiting.push(framed(message))
    this.#outbox.push(this.#sending)
  }

  end(code: number, details: string): void {
    if (this.#over) return
    this.#over = true
    if (this.#begun) this.#finish(trailers(code, details))
    else endAtOnce(this.#outbox, this.#sending, trailersOnly(code, details))
  }

  answer(message: Uint8Array): void {
    if (this.#over) return
    this.#over = true
    if (!this.#begun && this.#outbox.mayTake(this.#sending, MESSAGE_HEAD + message.length)) {
      writeWholeAnswer(this.#outbox, this.#sending.id, message)
      this.#outbox.ended(this.#sending)
      return
    }
    this.#begin()
    this.#sending.waiting.push(framed(message))
    this.#finish(trailers(STATUS_CODE.OK, ''))
  }

  #begin(): void {
    if (!this.#begun) this.#outbox.write(headersFrame(this.#sending.id, RESPONSE_HEAD, FLAG.endHeaders))
    this.#begun = true
  }

  #finish(block: Buffer): void {
    this.#sending.trailers = block
    this.#outbox.push(this.#sending)
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
  sending.trailers = trailers(STATUS_CODE.INTERNAL, '')
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
