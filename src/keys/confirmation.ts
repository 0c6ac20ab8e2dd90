// Waits until no replica serves what was right before a change: each has confirmed it, or has run out of time to serve anything so old.
import type { Clock } from '../kernel/clock.ts'
import type { Replica, ReplicaBook } from './replica-book.ts'

export type Confirmation = Readonly<{
  confirmed: readonly Replica[]
  /** Not heard of again: they may be gone or cut off, and serve what is that old no more. */
  silent: readonly Replica[]
}>

/** Replicas say that they are there every few seconds; after this long without a word they are not counted any more. */
export const HEARD_WITHIN_MS = 60_000

/**
 * `change` is the number of a change that was committed by now. Takes the feed's interval as long as all replicas answer, and never
 * longer than the longest of their `servesMs`. `pause` waits between two looks. Throws Failure when the store does not answer.
 */
export const awaitConfirmation = async (
  change: number,
  deps: { replicas: ReplicaBook; clock: Clock; pause: () => Promise<void> },
): Promise<Confirmation> => {
  const { replicas, clock, pause } = deps
  const committedMs = clock.now()
  const beganMs = clock.monotonicMs()
  for (;;) {
    const heard = await replicas.heardSince(committedMs - HEARD_WITHIN_MS)
    const waitedMs = clock.monotonicMs() - beganMs
    const behind = heard.filter(({ position }) => position < change)
    if (behind.every(({ servesMs }) => servesMs <= waitedMs))
      return { confirmed: heard.filter(({ position }) => position >= change), silent: behind }
    await pause()
  }
}
