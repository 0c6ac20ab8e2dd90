// What was measured round by round, and what stands to what within each round: the machine's moods meet both alike.
import type { Spread } from './statistics.ts'
import { spreadOf } from './statistics.ts'

export type Rounds = Readonly<{
  /** The next value of a series; each series gets one in each round. */
  add(series: string, value: number): void
  /** Of a series that has no values nothing is a number. */
  spread(series: string): Spread
  ratio(of: string, over: string): Spread
  difference(of: string, less: string): Spread
}>

export const createRounds = (): Rounds => {
  const values = new Map<string, number[]>()
  const valuesOf = (series: string): readonly number[] => values.get(series) ?? []
  const pairs = (one: string, other: string, told: (a: number, b: number) => number): Spread => {
    const others = valuesOf(other)
    return spreadOf(valuesOf(one).map((value, round) => told(value, others[round] ?? Number.NaN)))
  }
  return {
    add: (series, value) => {
      const all = values.get(series)
      if (all === undefined) values.set(series, [value])
      else all.push(value)
    },
    spread: (series) => spreadOf(valuesOf(series)),
    ratio: (of, over) => pairs(of, over, (a, b) => a / b),
    difference: (of, less) => pairs(of, less, (a, b) => a - b),
  }
}
