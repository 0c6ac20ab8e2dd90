// Tells the other processes that this one serves, and which changes it has applied; never in the way of the feed.
import type { Clock } from '../kernel/clock.ts'
import type { ReplicaBook } from './replica-book.ts'

export type Presence = Readonly<{
  /** To be called after each poll of the feed that succeeded. */
  polled(position: number): void
  /** Says good-bye. Resolves when nothing is under way; an error is swallowed, for who is not heard of is soon not counted. */
  close(): Promise<void>
}>

type Deps = Readonly<{
  book: ReplicaBook
  clock: Clock
  id: string
  name: string
  servesMs: number
  /** A word that did not arrive; the next one is said after the next poll. */
  failed: (error: unknown) => void
}>

const HEARTBEAT_MS = 5_000

export const createPresence = ({ book, clock, id, name, servesMs, failed }: Deps): Presence => {
  let told: Readonly<{ position: number; atMs: number }> | undefined
  let saying: Promise<void> | undefined
  let closed = false

  const say = async (position: number) => {
    const atMs = clock.monotonicMs()
    try {
      await book.confirm({ id, name, position, servesMs })
      told = { position, atMs }
    } catch (error) {
      failed(error)
    } finally {
      saying = undefined
    }
  }

  return {
    polled(position) {
      const known = told?.position === position && clock.monotonicMs() - told.atMs < HEARTBEAT_MS
      if (!known && !closed) saying ??= say(position)
    },
    close: async () => {
      closed = true
      await saying
      if (told !== undefined) await book.leave(id).catch(failed)
    },
  }
}
