// Cuts a stream of bytes into frames, whatever the pieces in which it arrives.
import { ConnectionError, ERROR, FRAME_HEAD, FRAME_SIZE, LARGEST_STREAM, PREFACE } from './frame.ts'

export type FrameReader = Readonly<{
  /** Calls `take` for each frame that is whole; the payload is valid until it returns. Throws ConnectionError. */
  read(chunk: Buffer): void
}>

export type TakeFrame = (type: number, flags: number, stream: number, payload: Buffer) => void

/** At most one frame is kept: 16 KiB and a head. */
export const createFrameReader = (take: TakeFrame): FrameReader => {
  let rest: Buffer | undefined
  let prefaced = false

  const readPreface = (bytes: Buffer): number => {
    const seen = Math.min(bytes.length, PREFACE.length)
    if (bytes.compare(PREFACE, 0, seen, 0, seen) !== 0)
      throw new ConnectionError(ERROR.protocol, 'the connection does not begin as HTTP/2 does')
    if (seen < PREFACE.length) return 0
    prefaced = true
    return seen
  }

  /** Returns where what is not whole begins. */
  const readFrames = (bytes: Buffer, from: number): number => {
    let at = from
    while (bytes.length - at >= FRAME_HEAD) {
      const length = bytes.readUIntBE(at, 3)
      if (length > FRAME_SIZE) throw new ConnectionError(ERROR.frameSize, 'a frame is too large')
      const end = at + FRAME_HEAD + length
      if (bytes.length < end) break
      const stream = bytes.readUInt32BE(at + 5) & LARGEST_STREAM
      take(bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, stream, bytes.subarray(at + FRAME_HEAD, end))
      at = end
    }
    return at
  }

  return {
    read(chunk) {
      const bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk])
      const begin = prefaced ? 0 : readPreface(bytes)
      const end = prefaced ? readFrames(bytes, begin) : 0
      rest = end < bytes.length ? bytes.subarray(end) : undefined
    },
  }
}
