// Quota rows in memory that obey the raising UPDATE to the letter, and forget nothing of what happened to them.
import type { QuotaRow } from '../../src/quota/charge-plan.ts'
import type { GroupRow } from '../../src/quota/group-writer.ts'
import { FOREVER } from '../../src/quota/quota.ts'

/** What was charged to one row in one window, and the greatest amount that was in force when something was. */
export type ChargedWindow = {
  readonly id: number
  readonly windowEndMs: number
  charged: number
  most: number
}

export type SimulatedTable = ReturnType<typeof createSimulatedTable>

type TableRow = { -readonly [Member in keyof QuotaRow]: QuotaRow[Member] } & {
  windowStartMs: number
  retired: boolean
}

/** A row, or its absence, from one point of the history until the next version's. */
type Version = Readonly<{ from: number; room: number; usable: boolean }>

const NEVER_THERE: Version = { from: 0, room: 0, usable: false }

/** `nextPoint` numbers what happens, in order. */
export const createSimulatedTable = (nextPoint: () => number) => {
  const rows = new Map<number, TableRow>()
  const versions = new Map<number, Version[]>()
  const windows = new Map<string, ChargedWindow>()
  const violations: string[] = []

  const remember = (id: number) => {
    const row = rows.get(id)
    const usable = row !== undefined && row.usableUntilMs === FOREVER
    const version = { from: nextPoint(), room: row === undefined ? 0 : row.amount - row.used, usable }
    const known = versions.get(id)
    if (known === undefined) versions.set(id, [version])
    else known.push(version)
  }

  const versionAt = (id: number, point: number): Version =>
    versions.get(id)?.findLast(({ from }) => from <= point) ?? NEVER_THERE

  const change = (id: number, edit: (row: TableRow) => void) => {
    const row = rows.get(id)
    if (row === undefined) return
    edit(row)
    remember(id)
  }

  const take = (row: TableRow, { units, windowStartMs, windowEndMs }: GroupRow, nowMs: number) => {
    const { id, windowEndMs: endedMs } = row
    if (windowEndMs < endedMs) violations.push(`the window of row ${id} moved back`)
    row.used = effectiveUsed(row, nowMs) + units
    if (endedMs <= nowMs) row.windowStartMs = Math.max(windowStartMs, endedMs)
    row.windowEndMs = windowEndMs
    const name = windowName(id, windowEndMs)
    const window = windows.get(name) ?? { id, windowEndMs, charged: 0, most: 0 }
    window.charged += units
    window.most = Math.max(window.most, row.amount)
    windows.set(name, window)
    if (window.charged !== row.used) violations.push(`row ${id} forgot a charge of its window`)
    if (window.charged > row.amount) violations.push(`row ${id} was charged over its amount`)
    remember(id)
  }

  return {
    violations: violations as readonly string[],
    windows: windows as ReadonlyMap<string, ChargedWindow>,
    /** Its window is born ended, long ago. */
    insert: (id: number, amount: number) => {
      const born = { id, amount, used: 0, windowStartMs: 0, windowEndMs: 0, usableUntilMs: FOREVER }
      rows.set(id, { ...born, retired: false })
      remember(id)
    },
    delete: (id: number) => {
      if (rows.delete(id)) remember(id)
    },
    setAmount: (id: number, amount: number) =>
      change(id, (row) => {
        row.amount = amount
      }),
    setUsableUntil: (id: number, untilMs: number) =>
      change(id, (row) => {
        if (!row.retired) row.usableUntilMs = untilMs
      }),
    retire: (id: number) =>
      change(id, (row) => {
        row.retired = true
        row.usableUntilMs = 0
      }),
    /** The statement: every row that is there takes its units, or none does. `nowMs`: the clock when it began. */
    update: (asked: readonly GroupRow[], nowMs: number): 'charged' | 'raised' | 'torn' => {
      const found = asked.flatMap((ask) => {
        const row = rows.get(ask.id)
        return row === undefined ? [] : [{ row, ask }]
      })
      if (!found.every(({ row, ask }) => fits(row, ask, nowMs))) return 'raised'
      for (const { row, ask } of found) take(row, ask, nowMs)
      return found.length === asked.length ? 'charged' : 'torn'
    },
    /** Whether it would be charged, were it sent now. */
    fits: (asked: readonly GroupRow[], nowMs: number): boolean =>
      asked.every((ask) => {
        const row = rows.get(ask.id)
        return row !== undefined && fits(row, ask, nowMs)
      }),
    read: (ids: readonly number[]): readonly QuotaRow[] =>
      ids.flatMap((id) => {
        const row = rows.get(id)
        if (row === undefined) return []
        const { amount, used, windowEndMs, usableUntilMs } = row
        return { id, amount, used, windowEndMs, usableUntilMs }
      }),
    /** What the row can still take now. */
    room: (id: number, nowMs: number): number => {
      const row = rows.get(id)
      return row === undefined || nowMs >= row.usableUntilMs ? 0 : row.amount - effectiveUsed(row, nowMs)
    },
    wasShortOf: (units: number, id: number, point: number): boolean => versionAt(id, point).room < units,
    /** Gone, retired, disabled, or about to expire. */
    wasUnusable: (id: number, point: number): boolean => !versionAt(id, point).usable,
  }
}

export const windowName = (id: number, windowEndMs: number): string => `row ${id} until ${windowEndMs}`

const effectiveUsed = ({ used, windowEndMs }: TableRow, nowMs: number): number =>
  windowEndMs <= nowMs ? 0 : used

const fits = (row: TableRow, { units, windowStartMs, windowEndMs }: GroupRow, nowMs: number): boolean =>
  nowMs < row.usableUntilMs &&
  nowMs < windowEndMs &&
  (row.windowEndMs === windowEndMs || (row.windowEndMs <= nowMs && windowStartMs <= nowMs)) &&
  units <= row.amount - effectiveUsed(row, nowMs)
