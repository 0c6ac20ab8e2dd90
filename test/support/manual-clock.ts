// A clock that moves only when told: nothing in a test waits for time to pass.
import type { DatabaseClock } from '../../src/kernel/clock.ts'

export type ManualClock = DatabaseClock & Readonly<{ advance(ms: number): void }>

export const createManualClock = (startMs = Date.UTC(2026, 10, 21, 12, 0, 0)): ManualClock => {
  let elapsedMs = 0
  return {
    now: () => startMs + elapsedMs,
    monotonicMs: () => 1_000 + elapsedMs,
    observe: () => {},
    advance: (ms) => {
      elapsedMs += ms
    },
  }
}
