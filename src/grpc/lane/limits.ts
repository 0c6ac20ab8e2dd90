// What a peer may make us hold or do. Beyond it a stream is reset or the connection ends by GOAWAY; nothing grows.
import { ConnectionError, ERROR, FIRST_WINDOW, FRAME_SIZE, LARGEST_WINDOW } from './frame.ts'

export const LIMITS = {
  /** Calls at once on one connection; more are refused, and may be sent again. */
  concurrentStreams: 16_384,
  /** A header block as it arrives, all its pieces; and its fields together, each with 32 bytes (RFC 9113, 6.5.2). */
  headerBlockBytes: 32_768,
  headerListBytes: 65_536,
  headerTableBytes: 4_096,
  /** Pieces of one header block: an empty one costs us more than the peer. */
  continuations: 64,
  /** Messages that have not arrived whole, of all streams of a connection. The peer's window ends there. */
  bufferedBytes: 64 * 1_048_576,
  /** Streams that a frame may make us look at for the price of one. */
  streamsAFrame: 64,
  /** Heads of all calls of a connection that have not ended. */
  headBytes: 32 * 1_048_576,
  /** Streams that we reset, and of which frames may still be on their way. */
  rememberedResets: 4_096,
} as const

/** What a peer may send of one call before we say more, which we never need to: one that sends more than a call may have is seen. */
export const streamWindow = (maxBodyBytes: number): number =>
  Math.min(LARGEST_WINDOW, Math.max(FIRST_WINDOW, maxBodyBytes + FRAME_SIZE))

export const connectionWindow = (maxBodyBytes: number): number =>
  Math.max(LIMITS.bufferedBytes, 2 * streamWindow(maxBodyBytes))

/** Frames a second that do no work: resets, settings, pings, priorities, empty and unknown ones. 20,000 cancelled calls are usual in a storm. */
const IDLE_FRAMES_PER_SECOND = 50_000

export type FrameBudget = Readonly<{
  /** Throws ConnectionError when a peer sends too many frames that do no work; one may cost as much as several. */
  spend(frames?: number): void
}>

/** A bucket that fills with time. */
export const createFrameBudget = (monotonicMs: () => number): FrameBudget => {
  let left = IDLE_FRAMES_PER_SECOND
  let filledMs = monotonicMs()
  return {
    spend(frames = 1) {
      left -= frames
      if (left > 0) return
      const nowMs = monotonicMs()
      left = Math.min(IDLE_FRAMES_PER_SECOND, ((nowMs - filledMs) / 1_000) * IDLE_FRAMES_PER_SECOND)
      filledMs = nowMs
      if (left < 1) throw new ConnectionError(ERROR.enhanceYourCalm, 'too many frames that do no work')
    },
  }
}
