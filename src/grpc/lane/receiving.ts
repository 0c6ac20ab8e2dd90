// What has arrived of one call, in memory that its own bytes bound.
import type { Sending } from './outbox.ts'
import type { RequestHead } from './request-head.ts'

export type Receiving = {
  readonly sending: Sending
  readonly head: RequestHead
  /** What its head takes until the call has ended. */
  readonly headBytes: number
  /** DATA without padding. */
  chunks: Uint8Array[]
  bytes: number
  /** What the peer may still send on this stream. */
  window: number
  /** It has sent all that it will: half closed (remote). */
  done: boolean
  /** From when its message is whole. */
  call: Readonly<{ cancel(): void }> | undefined
}

export const newReceiving = (
  sending: Sending,
  head: RequestHead,
  headBytes: number,
  window: number,
): Receiving => ({
  sending,
  head,
  headBytes,
  window,
  chunks: NO_PIECES,
  bytes: 0,
  done: false,
  call: undefined,
})

/** A piece that more will follow. In memory of its own: a slice would hold all that was read from the socket with it. */
export const keepPiece = (stream: Receiving, data: Buffer): void => {
  if (data.length === 0) return
  if (stream.chunks === NO_PIECES) stream.chunks = []
  stream.chunks.push(new Uint8Array(data))
  // Each piece takes more than its bytes. Joined so seldom that the copies cost no more than the frames did.
  if (stream.chunks.length < PIECES + stream.bytes / PIECE_BYTES) return
  const joined = new Uint8Array(stream.bytes)
  let at = 0
  for (const chunk of stream.chunks) {
    joined.set(chunk, at)
    at += chunk.length
  }
  stream.chunks = [joined]
}

/** All of it, which is not kept any longer. */
export const takeBody = (stream: Receiving, last: Buffer = NOTHING): Buffer => {
  const { chunks } = stream
  stream.chunks = NO_PIECES
  stream.bytes = 0
  return chunks.length === 0 ? last : Buffer.concat([...chunks, last])
}

/** Of nearly every call, which arrives in one; nothing is ever put into it. */
const NO_PIECES: Uint8Array[] = []
const NOTHING = Buffer.alloc(0)
const PIECES = 16
const PIECE_BYTES = 1_024

/** What a head of so many fields takes beside the block that it came in. */
export const headBytesOf = (block: Buffer, { metadata }: RequestHead): number =>
  block.length + metadata.size * FIELD_BYTES

const FIELD_BYTES = 100
