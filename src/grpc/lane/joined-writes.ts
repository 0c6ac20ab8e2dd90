// Frames one behind the other in one piece of memory, which goes out as one write a tick.
import type { Socket } from 'node:net'

export type JoinedWrites = Readonly<{
  /** `write` must fill `length` bytes from `at` on, before it returns. */
  fill(length: number, write: (bytes: Buffer, at: number) => void): void
  flush(): void
}>

/** More than what is asked in one turn of the loop; what is never written to takes no memory. */
const PIECE_BYTES = 262_144
/** A peer that lets more pile up does not read. */
const MAX_UNSENT_BYTES = 16 * 1_048_576

export const createJoinedWrites = (socket: Socket): JoinedWrites => {
  let piece: Buffer = Buffer.allocUnsafeSlow(PIECE_BYTES)
  let from = 0
  let to = 0

  const flush = () => {
    if (from === to) return
    const bytes = piece.subarray(from, to)
    from = to
    if (socket.destroyed || !socket.writable) return
    socket.write(bytes)
    // The system has taken all of it, so the memory is ours again.
    if (socket.writableLength === 0) {
      from = 0
      to = 0
    } else if (socket.writableLength > MAX_UNSENT_BYTES) socket.destroy(new Error('the peer does not read'))
  }

  /** What was sent from the old piece may still be on its way, and is let go when it has arrived. */
  const makeRoom = (length: number) => {
    flush()
    if (piece.length - to >= length) return
    piece = Buffer.allocUnsafeSlow(Math.max(PIECE_BYTES, length))
    from = 0
    to = 0
  }

  return {
    fill(length, write) {
      if (piece.length - to < length) makeRoom(length)
      // Answers that come in one turn of the loop go in one write: a tick runs when the promises of the turn are done.
      if (from === to) process.nextTick(flush)
      const at = to
      to += length
      write(piece, at)
    },
    flush,
  }
}
