// How much may be in flight: what is not cached is refused first, everything only at twice as much.

export type AdmissionGate = Readonly<{
  /** False: too much is in flight for any more. After true, `leave` must be called once. */
  enter(): boolean
  leave(): void
  /** False: so much is in flight that only keys in the cache are served. */
  mayLookUp(): boolean
  inFlight(): number
}>

/** A Check whose key is cached costs no look-up, so it is worth finishing for longer. */
const CACHED_BEYOND_UNCACHED = 2

/** `maxInFlight`: Checks in flight at which nothing is looked up any more. A counter, and nothing else. */
export const createAdmissionGate = ({ maxInFlight }: { maxInFlight: number }): AdmissionGate => {
  let inFlight = 0
  return {
    enter() {
      if (inFlight >= maxInFlight * CACHED_BEYOND_UNCACHED) return false
      inFlight += 1
      return true
    },
    leave() {
      inFlight -= 1
    },
    // Whoever asks is in flight himself.
    mayLookUp: () => inFlight <= maxInFlight,
    inFlight: () => inFlight,
  }
}
