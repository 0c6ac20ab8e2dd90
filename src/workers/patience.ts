// How soon a worker that died is replaced, and when that has no sense any more.
import type { Clock } from '../kernel/clock.ts'

export const MOST_DEATHS = 5
const WITHIN_MS = 60_000

/** Before the first replacement, the second … */
const WAITS_MS = [0, 200, 400, 800]

export type Patience = Readonly<{
  /** Milliseconds until the worker is replaced; undefined with the fifth death within a minute. */
  died(): number | undefined
}>

export const createPatience = ({ monotonicMs }: Pick<Clock, 'monotonicMs'>): Patience => {
  let deathsMs: readonly number[] = []
  return {
    died() {
      const nowMs = monotonicMs()
      deathsMs = [...deathsMs.filter((deathMs) => nowMs - deathMs < WITHIN_MS), nowMs]
      return WAITS_MS[deathsMs.length - 1]
    },
  }
}
