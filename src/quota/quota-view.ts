// What is known of the hot rows: as last read, and for how long that is reason enough to refuse somebody.
import type { Clock } from '../kernel/clock.ts'
import type { QuotaRow, RowsRead } from './charge-plan.ts'
import { stateOfRow } from './charge-plan.ts'
import type { Quota } from './quota.ts'
import type { ChargeOutcome } from './quota-ledger.ts'

/**
 * `fits`, by the view; the statement has the last word. `behind`: would fit but for what this group takes before it. `unread`: a row
 * was not read yet, or does not fit by a view too old to refuse with. Else the refusal itself.
 */
export type Verdict = 'fits' | 'behind' | 'unread' | Exclude<ChargeOutcome, { outcome: 'charged' }>

export type QuotaView = Readonly<{
  /** Taken before rows are asked for, given with what was read: a change in between makes it no reason to refuse. */
  era(): number
  /** `ids`: all that were asked for; those without a row are missing. */
  learn(ids: Iterable<number>, read: RowsRead, era: number): void
  /** undefined when it was not read, or is missing. */
  get(id: number): QuotaRow | undefined
  /** `taken`: units that a group takes from a row before this charge. */
  judge(quotas: readonly Quota[], units: number, nowMs: number, taken?: (id: number) => number): Verdict
  forget(ids: Iterable<number>): void
  /** Something changed in the store: nobody is refused by what was asked for until now. */
  doubt(): void
}>

/** How long a refusal may rest on one reading: a raised limit works within this time everywhere. */
const BELIEVED_MS = 1_000

type Known = Readonly<{ row: QuotaRow | undefined; era: number; readMs: number }>

export const createQuotaView = (deps: { clock: Clock; maxRows: number }): QuotaView => {
  const { clock } = deps
  // In order of their last reading: what was charged or looked up last is forgotten last.
  const known = new Map<number, Known>()
  let era = 0

  const isBelieved = (held: Known): boolean =>
    held.era === era && clock.monotonicMs() - held.readMs < BELIEVED_MS

  const refusal = (quotas: readonly Quota[], nowMs: number): Verdict => ({
    outcome: 'exhausted',
    states: quotas.flatMap((quota) => {
      const row = known.get(quota.id)?.row
      return row === undefined ? [] : stateOfRow(quota, row, nowMs)
    }),
  })

  return {
    era: () => era,
    learn: (ids, { rows }, readInEra) => {
      const byId = new Map(rows.map((row) => [row.id, row]))
      const readMs = clock.monotonicMs()
      for (const id of ids) {
        known.delete(id)
        known.set(id, { row: byId.get(id), era: readInEra, readMs })
      }
      for (const id of known.keys()) {
        if (known.size <= deps.maxRows) return
        known.delete(id)
      }
    },
    get: (id) => known.get(id)?.row,
    judge: (quotas, units, nowMs, taken = () => 0) => {
      let verdict: Room = 'fits'
      let believed = true
      for (const { id } of quotas) {
        const held = known.get(id)
        if (held === undefined) return 'unread'
        believed &&= isBelieved(held)
        const room = roomIn(held.row, units, nowMs, taken(id))
        if (room === 'stale') return isBelieved(held) ? { outcome: 'stale' } : 'unread'
        if (room === 'exhausted' || verdict === 'fits') verdict = room
      }
      if (verdict !== 'exhausted') return verdict
      // The caller is told the state of every row, not only of the one that refuses.
      return believed ? refusal(quotas, nowMs) : 'unread'
    },
    forget: (ids) => {
      for (const id of ids) known.delete(id)
    },
    doubt: () => {
      era += 1
    },
  }
}

type Room = 'fits' | 'behind' | 'exhausted' | 'stale'

const roomIn = (row: QuotaRow | undefined, units: number, nowMs: number, taken: number): Room => {
  if (row === undefined || nowMs >= row.usableUntilMs) return 'stale'
  const room = row.windowEndMs > nowMs ? row.amount - row.used : row.amount
  if (units > room) return 'exhausted'
  return units > room - taken ? 'behind' : 'fits'
}
