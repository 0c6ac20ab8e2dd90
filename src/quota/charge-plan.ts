// What a charge asks of each row, and what it means when a row did not take it. Pure; both dialects charge by it.

import type { Quota, QuotaState } from './quota.ts'
import { FOREVER } from './quota.ts'
import type { ChargeOutcome } from './quota-ledger.ts'
import { currentWindow } from './window.ts'

/** One guarded UPDATE: take `units` from row `quota.id` in the window [windowStartMs, windowEndMs). */
export type RowCharge = Readonly<{ quota: Quota; units: number; windowStartMs: number; windowEndMs: number }>

/** A row as a classifying read found it. */
export type QuotaRow = Readonly<{
  id: number
  amount: number
  used: number
  windowEndMs: number
  usableUntilMs: number
}>

/** Rows as they were read; rows that are missing are not there. */
export type RowsRead = Readonly<{
  rows: readonly QuotaRow[]
  /** The database's clock when it read them, UTC milliseconds. */
  nowMs: number
}>

/** `windowEnds`: ends of windows that were found open on rows; one wins over the computed end while it lies ahead. */
export type KnownWindows = {
  endOf(quotaId: number, nowMs: number): number | undefined
  learn(rows: readonly QuotaRow[], quotas: readonly Quota[], nowMs: number): void
}

/** Ids ascending: every charge locks its rows in the same order, so that two charges cannot wait for each other. */
export const planCharge = (
  quotas: readonly Quota[],
  units: number,
  nowMs: number,
  known: KnownWindows,
): readonly RowCharge[] =>
  quotas
    .map((quota) => {
      const window = currentWindow(quota.period, quota.zone, nowMs)
      const windowEndMs = known.endOf(quota.id, nowMs) ?? window.endMs
      return { quota, units, windowStartMs: window.startMs, windowEndMs }
    })
    .toSorted((a, b) => a.quota.id - b.quota.id)

/** Only rows whose open window ends elsewhere than computed are remembered: after a zone's rules or a clock changed. */
export const createKnownWindows = (maxEntries = 1_024): KnownWindows => {
  const ends = new Map<number, number>()
  return {
    endOf: (quotaId, nowMs) => {
      const endMs = ends.get(quotaId)
      if (endMs === undefined || endMs > nowMs) return endMs
      ends.delete(quotaId)
      return undefined
    },
    learn: (rows, quotas, nowMs) => {
      for (const { id, windowEndMs } of rows) {
        const quota = quotas.find((candidate) => candidate.id === id)
        if (quota === undefined || windowEndMs <= nowMs) continue
        if (windowEndMs === currentWindow(quota.period, quota.zone, nowMs).endMs) ends.delete(id)
        else ends.set(id, windowEndMs)
      }
      if (ends.size > maxEntries) ends.clear()
    },
  }
}

/**
 * Why a charge of `units` did not fit the rows that were read at `nowMs`, by the database's clock; undefined when it would
 * fit now: another charge or the edge of a window came between.
 */
export const classifyRefusal = (
  quotas: readonly Quota[],
  units: number,
  rows: readonly QuotaRow[],
  nowMs: number,
): ChargeOutcome | undefined => {
  const byId = new Map(rows.map((row) => [row.id, row]))
  const states: QuotaState[] = []
  for (const quota of quotas) {
    const row = byId.get(quota.id)
    if (row === undefined || nowMs >= row.usableUntilMs) return { outcome: 'stale' }
    states.push(stateOfRow(quota, row, nowMs))
  }
  return states.some(({ remaining }) => remaining < units) ? { outcome: 'exhausted', states } : undefined
}

export const stateOfRow = (quota: Quota, row: QuotaRow, nowMs: number): QuotaState => {
  const open = row.windowEndMs > nowMs
  const used = open ? row.used : 0
  return quotaState(
    quota,
    row.amount,
    used,
    open ? row.windowEndMs : currentWindow(quota.period, quota.zone, nowMs).endMs,
  )
}

export const quotaState = (quota: Quota, amount: number, used: number, windowEndMs: number): QuotaState => ({
  quota,
  amount,
  used,
  remaining: Math.max(0, amount - used),
  resetsAtMs: windowEndMs === FOREVER ? undefined : windowEndMs,
})

/** States in the order that the caller asked, from results in the order of the rows. */
export const inAskedOrder = (
  quotas: readonly Quota[],
  states: readonly QuotaState[],
): readonly QuotaState[] => {
  const byId = new Map(states.map((state) => [state.quota.id, state]))
  return quotas.flatMap((quota) => byId.get(quota.id) ?? [])
}

/** Everything that enters the text of a charge is an integer, checked here. */
export const mistakeIn = (quotas: readonly Quota[], units: number): RangeError | undefined => {
  if (!Number.isSafeInteger(units) || units < 1)
    return new RangeError('a charge takes a positive whole number of units')
  if (quotas.length === 0) return new RangeError('a charge names at least one quota')
  let at = 0
  for (const { id } of quotas) {
    if (!Number.isSafeInteger(id)) return new RangeError('a quota id is a whole number')
    // A handful at most: looking through them is quicker than a set of them.
    if (quotas.findIndex((quota) => quota.id === id) !== at)
      return new RangeError('a charge names each quota once')
    at += 1
  }
  return undefined
}

export const assertChargeable = (quotas: readonly Quota[], units: number): void => {
  const mistake = mistakeIn(quotas, units)
  if (mistake !== undefined) throw mistake
}
