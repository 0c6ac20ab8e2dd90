// Looks at quota rows in an SQLite file again and again, and notices what must never happen to one.
import type { DatabaseSync } from 'node:sqlite'
import { windowName } from './simulated-table.ts'

type Look = Readonly<{
  amount: number
  used: number
  windowStartMs: number
  windowEndMs: number
  usableUntilMs: number
}>

export type WatchedRows = Readonly<{
  /** Often enough: before the clock or an amount changes, and after it. */
  look(rows: readonly Readonly<{ id: number }>[]): void
  /** What did not hold, also of the units that were admitted by row and window: with nothing lost they are those charged. */
  audit(admitted: ReadonlyMap<string, number>): readonly string[]
}>

export const watchRows = (file: DatabaseSync): WatchedRows => {
  const read = file.prepare(
    'SELECT amount, used, window_start, window_end, usable_until FROM quota WHERE id = ?',
  )
  const last = new Map<number, Look>()
  const charged = new Map<string, number>()
  const wrong: string[] = []

  const compare = (id: number, before: Look, after: Look) => {
    if (after.windowEndMs < before.windowEndMs) wrong.push(`the window of row ${id} moved back`)
    if (after.windowStartMs < before.windowStartMs) wrong.push(`the window of row ${id} began earlier`)
    const isSame = after.windowEndMs === before.windowEndMs
    if (isSame && after.used < before.used) wrong.push(`row ${id} forgot what was charged`)
    const isClosed = before.usableUntilMs === 0 && after.usableUntilMs === 0
    if (isClosed && (!isSame || after.used !== before.used))
      wrong.push(`row ${id} was charged while disabled or retired`)
    if ((!isSame || after.used > before.used) && after.used > Math.max(before.amount, after.amount))
      wrong.push(`row ${id} was charged over its amount`)
  }

  return {
    look: (rows) => {
      for (const { id } of rows) {
        const found = read.get(id)
        if (found === undefined) continue
        const number = (column: string) => Number(found[column])
        const look = {
          amount: number('amount'),
          used: number('used'),
          windowStartMs: number('window_start'),
          windowEndMs: number('window_end'),
          usableUntilMs: number('usable_until'),
        }
        const before = last.get(id)
        if (before !== undefined) compare(id, before, look)
        last.set(id, look)
        if (look.used > 0) charged.set(windowName(id, look.windowEndMs), look.used)
      }
    },
    audit: (admitted) => [
      ...wrong,
      ...[...new Set([...charged.keys(), ...admitted.keys()])].flatMap((name) => {
        const units = [charged.get(name) ?? 0, admitted.get(name) ?? 0]
        return units[0] === units[1] ? [] : [`${name}: ${units[0]} charged, ${units[1]} admitted`]
      }),
    ],
  }
}
