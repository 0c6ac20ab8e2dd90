// The port through which a group of charges reaches the database, and what every implementation guarantees.
import type { RowsRead } from './charge-plan.ts'

/** What a group takes from one row: `units` in the window [windowStartMs, windowEndMs), whole numbers all of them. */
export type GroupRow = Readonly<{ id: number; units: number; windowStartMs: number; windowEndMs: number }>

export type GroupReply =
  /** Every row took its units, durably. `read` is a view of them and of what else was to be read, taken afterwards. */
  | Readonly<{ kind: 'charged'; read: RowsRead }>
  /** At least one row does not take its units, so no row changed. */
  | Readonly<{ kind: 'raised' }>
  /** Rows were missing, and the others were charged: units that nobody may use. */
  | Readonly<{ kind: 'torn' }>

/** The last instant at which anybody waits, monotonic: what has not been sent by then need not be sent any more. */
export type WantedUntil = () => number

/**
 * - Rows come with distinct ids, ascending; all of them change or none, `torn` excepted.
 * - A row takes units only in a window in which the database's clock is, up to its amount, while it is usable.
 * - Throws Failure; `chargeUnknown` when the units may be gone, otherwise nothing was charged. Faults that had no effect are
 *   tried again inside, until `deadlineMs` (monotonic).
 */
export type GroupWriter = Readonly<{
  /** One round trip. `alsoRead`: ids that are read along when the charge is made. */
  charge(
    rows: readonly GroupRow[],
    alsoRead: readonly number[],
    deadlineMs: number,
    wantedUntilMs?: WantedUntil,
  ): Promise<GroupReply>
  /**
   * Locks the rows, shows them to `plan`, charges what it returns (nothing: rolls back) and commits. The reply's view is
   * that of before the charge, under the locks. `plan` may be asked again when an attempt had no effect.
   */
  chargeLocked(
    ids: readonly number[],
    plan: (read: RowsRead) => readonly GroupRow[],
    deadlineMs: number,
    wantedUntilMs?: WantedUntil,
  ): Promise<GroupReply>
  read(ids: readonly number[], deadlineMs: number): Promise<RowsRead>
}>
