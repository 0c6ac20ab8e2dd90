// Whether the store may be asked: not while it fails each time, but for one probe a second until it answers again.
import type { Clock } from '../kernel/clock.ts'

export type StoreCircuit = Readonly<{
  /** True when the store may be asked now. While the circuit is open: once a second, and whoever was told so is the probe. */
  mayAsk(): boolean
  isOpen(): boolean
  answered(): void
  failed(): void
}>

/** As many as look-ups run at once by default: one round of them. */
const FAILURES_IN_A_ROW = 4
const PROBE_INTERVAL_MS = 1_000

export const createStoreCircuit = ({ clock }: { clock: Clock }): StoreCircuit => {
  let failures = 0
  let probedMs = Number.NEGATIVE_INFINITY
  const isOpen = () => failures >= FAILURES_IN_A_ROW
  return {
    mayAsk() {
      if (!isOpen()) return true
      // Counted from the last probe and not from its end, so that one that hangs delays no other.
      const nowMs = clock.monotonicMs()
      if (nowMs - probedMs < PROBE_INTERVAL_MS) return false
      probedMs = nowMs
      return true
    },
    isOpen,
    answered() {
      failures = 0
    },
    failed() {
      failures += 1
      if (failures === FAILURES_IN_A_ROW) probedMs = clock.monotonicMs()
    },
  }
}
