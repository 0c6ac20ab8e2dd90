// What the quota engine tells about itself, for metrics and logs; deciding nothing.

export type ChargeObserver = Readonly<{
  /** A group was charged. `charges`: how many waiters it carried; `form`: by one raising UPDATE, or under locks. */
  group(
    group: Readonly<{ charges: number; rows: number; durationMs: number; form: 'raising' | 'locked' }>,
  ): void
  /** From the moment that a charge was asked until it was made; of the charges of a group the one that waited longest. */
  answered(durationMs: number): void
  /** A group did not fit and changed nothing; it is read and planned again. */
  raised(): void
  /** The reply of a group was lost: its units may be gone, and nobody uses them. */
  unknown(units: number): void
  /** Units that were charged and that nobody may use. */
  wasted(units: number): void
  /** The store does not carry the grouped form: charges go in the direct one from here on. */
  fellBack(because: string): void
}>

export const SILENT_OBSERVER: ChargeObserver = {
  group: () => {},
  answered: () => {},
  raised: () => {},
  unknown: () => {},
  wasted: () => {},
  fellBack: () => {},
}
