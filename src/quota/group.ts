// One group: waiters in order of arrival, what they take together from which row, and what each is told afterwards.
import type { Context } from '@opentelemetry/api'
import type { Call } from '../kernel/call.ts'
import type { QuotaRow } from './charge-plan.ts'
import { quotaState } from './charge-plan.ts'
import type { GroupRow } from './group-writer.ts'
import type { Quota, QuotaState } from './quota.ts'
import type { ChargeOutcome } from './quota-ledger.ts'
import { currentWindow } from './window.ts'

/** A charge that waits for its outcome. */
export type Waiter = Readonly<{
  quotas: readonly Quota[]
  units: number
  call: Call
  /** Of the Check that asked. */
  context: Context
  /** Monotonic milliseconds. */
  askedMs: number
  settle(outcome: ChargeOutcome): void
  fail(error: unknown): void
}>

/** Until when anybody waits for one of them, monotonic milliseconds. */
export const wantedUntilMs = (waiters: readonly Waiter[]): number =>
  Math.max(...waiters.map(({ call }) => (call.cancelled ? 0 : call.deadlineMs)))

/** Nobody else is served while a statement runs, and beyond this it takes longer with each row than two take (group-statement.ts). */
export const MAX_GROUP_ROWS = 256

/** `takenAfter`: what the group takes from each of its rows up to and with this waiter, in the order of its quotas. */
type Grant = Readonly<{ waiter: Waiter; takenAfter: readonly number[] }>

/** `before`: what was used in the window, by the view that the group was planned with. */
type Share = {
  readonly id: number
  units: number
  readonly windowStartMs: number
  readonly windowEndMs: number
  readonly before: number
}

export class Group {
  readonly #shares = new Map<number, Share>()
  readonly #grants: Grant[] = []
  #units = 0

  get isEmpty(): boolean {
    return this.#grants.length === 0
  }

  /** Units of all its charges, each charge counted once however many rows it takes them from. */
  get units(): number {
    return this.#units
  }

  get waiters(): readonly Waiter[] {
    return this.#grants.map(({ waiter }) => waiter)
  }

  /** Who came first waited longest. */
  get firstAskedMs(): number {
    return Math.min(...this.#grants.slice(0, 1).map(({ waiter }) => waiter.askedMs))
  }

  /** Ascending: whoever locks rows locks them in this order, so that nobody waits in a circle. */
  get ids(): readonly number[] {
    return [...this.#shares.keys()].sort((a, b) => a - b)
  }

  get rows(): readonly GroupRow[] {
    return this.ids.flatMap((id) => {
      const share = this.#shares.get(id)
      if (share === undefined) return []
      const { units, windowStartMs, windowEndMs } = share
      return { id, units, windowStartMs, windowEndMs }
    })
  }

  readonly taken = (id: number): number => this.#shares.get(id)?.units ?? 0

  hasRoomFor({ quotas }: Waiter): boolean {
    if (this.#shares.size === 0) return true
    let more = 0
    for (const { id } of quotas) if (!this.#shares.has(id)) more += 1
    return this.#shares.size + more <= MAX_GROUP_ROWS
  }

  /** The waiter fits: its rows are known, and have room beside what the group takes already. */
  grant(waiter: Waiter, rowOf: (id: number) => QuotaRow | undefined, nowMs: number): void {
    // All windows before any unit: a zone that is unknown here throws, and then nothing was taken.
    const shares = waiter.quotas.map(
      (quota) => this.#shares.get(quota.id) ?? newShare(quota, rowOf(quota.id), nowMs),
    )
    const takenAfter = shares.map((share) => {
      if (share.units === 0) this.#shares.set(share.id, share)
      share.units += waiter.units
      return share.units
    })
    this.#grants.push({ waiter, takenAfter })
    this.#units += waiter.units
  }

  /** A row as it is once the group was charged. */
  readonly rowAfter = (row: QuotaRow): QuotaRow => {
    const share = this.#shares.get(row.id)
    if (share === undefined) return row
    const { units, before, windowEndMs } = share
    return { ...row, used: before + units, windowEndMs }
  }

  /** The group was charged. `rowOf`: rows as they were read afterwards; others may have charged them too by then. */
  settle(rowOf: (id: number) => QuotaRow | undefined): void {
    for (const { waiter, takenAfter } of this.#grants) {
      const states = waiter.quotas.map((quota, at) =>
        this.#stateAfter(quota, takenAfter[at] ?? 0, rowOf(quota.id)),
      )
      waiter.settle({ outcome: 'charged', states })
    }
  }

  /** As if the charges of the group had been made one after the other. */
  #stateAfter(quota: Quota, taken: number, after: QuotaRow | undefined): QuotaState {
    const share = this.#shares.get(quota.id)
    if (share === undefined) throw new Error('a charge was granted without its row')
    const { windowEndMs, units, before } = share
    const amount = after?.amount ?? quota.amount
    // A window that turned between the charge and the reading says nothing of the one that was charged.
    const used = after?.windowEndMs === windowEndMs ? after.used - (units - taken) : before + taken
    // Of more than 2^53 - 1 a reading tells 0 as long as as many remain.
    return quotaState(quota, amount, Math.max(0, used), windowEndMs)
  }
}

/** A window that is open on the row goes on until its own end, whatever the calendar says by now. */
const newShare = ({ id, period, zone }: Quota, row: QuotaRow | undefined, nowMs: number): Share => {
  const window = currentWindow(period, zone, nowMs)
  const open = row !== undefined && row.windowEndMs > nowMs
  return {
    id,
    units: 0,
    windowStartMs: window.startMs,
    windowEndMs: open ? row.windowEndMs : window.endMs,
    before: open ? row.used : 0,
  }
}
