// The only place that reads wall time, and the estimate of the database's time that every comparison uses.

export type Clock = Readonly<{
  /** Milliseconds since the Unix epoch, UTC: the database's clock as far as it is known, else this machine's. */
  now(): number
  /** Milliseconds that never step back. For deadlines and ages; its zero means nothing. */
  monotonicMs(): number
}>

export type DatabaseClock = Clock &
  Readonly<{
    /**
     * Learn the database's time from a reply. `sentMs` and `receivedMs` are monotonic; the estimate errs by at most half
     * the round trip, so a slower reply than the one held is believed only when the held one has aged.
     */
    observe(databaseNowMs: number, sentMs: number, receivedMs: number): void
  }>

const SAMPLE_AGES_AFTER_MS = 5_000

export const createClock = (): DatabaseClock => {
  const monotonicMs = () => performance.now()
  let offset: { ms: number; roundTripMs: number; takenMs: number } | undefined
  return {
    monotonicMs,
    // Built on the monotonic clock once a reply was seen, so a step of this machine's clock changes nothing.
    now: () => (offset === undefined ? Date.now() : Math.floor(monotonicMs() + offset.ms)),
    observe(databaseNowMs, sentMs, receivedMs) {
      const roundTripMs = receivedMs - sentMs
      const held = offset
      if (
        held !== undefined &&
        roundTripMs > held.roundTripMs &&
        receivedMs - held.takenMs < SAMPLE_AGES_AFTER_MS
      )
        return
      offset = { ms: databaseNowMs - (sentMs + receivedMs) / 2, roundTripMs, takenMs: receivedMs }
    },
  }
}

/** This machine's wall clock, for deadlines that arrive as an instant of it, and to stamp what is measured. Nothing else may be compared with it. */
export const machineNowMs = (): number => Date.now()
