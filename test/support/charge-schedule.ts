// Random schedules of charges on a few rows of one key, in which what each charge comes to is determined.
import fc from 'fast-check'
import type { LimitDraft } from '../../src/quota/limit-book.ts'

/** `rows`: indices of the limits that are charged. */
export type Charge = Readonly<{ rows: readonly number[]; units: number }>

export type Step =
  | (Readonly<{ kind: 'charge' }> & Charge)
  /** All at once and all alike: how many are admitted is determined, though not who. */
  | (Readonly<{ kind: 'wave'; times: number }> & Charge)
  /** All at once, each something else: determined when there is room for all of them. */
  | Readonly<{ kind: 'mixed'; charges: readonly Charge[] }>
  | Readonly<{ kind: 'move'; byMs: number }>
  | Readonly<{ kind: 'amount'; row: number; amount: number }>
  | Readonly<{ kind: 'disable'; disabled: boolean }>

export type Schedule = Readonly<{ limits: readonly LimitDraft[]; steps: readonly Step[] }>

const ROWS = [
  { period: 'minute', zone: 'UTC' },
  { period: 'hour', zone: 'Asia/Kathmandu' },
  { period: 'day', zone: 'Asia/Tokyo' },
  { period: 'week', zone: 'America/New_York' },
  { period: 'month', zone: 'UTC' },
  { period: 'total', zone: 'UTC' },
] as const
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

const amount = fc.oneof(fc.integer({ min: 0, max: 12 }), fc.constantFrom(40, 100_000))
const units = fc.integer({ min: 1, max: 4 })
const rows = fc.subarray(
  ROWS.map((_, at) => at),
  { minLength: 1 },
)
const charge = fc.record({ rows, units })

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('charge'), rows, units }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('wave'), times: fc.integer({ min: 2, max: 10 }), rows, units }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('mixed'),
      charges: fc.array(charge, { minLength: 2, maxLength: 10 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('move'),
      byMs: fc.constantFrom(
        1,
        30_000,
        MINUTE_MS - 1,
        MINUTE_MS,
        HOUR_MS + MINUTE_MS,
        31 * 24 * HOUR_MS,
        -500,
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('amount'),
      row: fc.integer({ min: 0, max: ROWS.length - 1 }),
      amount,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('disable'), disabled: fc.boolean() }) },
)

export const schedule: fc.Arbitrary<Schedule> = fc.record({
  limits: fc
    .tuple(...ROWS.map(() => amount))
    .map((amounts) =>
      ROWS.map((row, at): LimitDraft => ({ unit: 'requests', ...row, amount: amounts[at] ?? 0 })),
    ),
  steps: fc.array(step, { minLength: 5, maxLength: 25 }),
})

/** Whether all of them fit, whoever comes first. `remaining`: of each row, in the order of the limits. */
export const isRoomForAll = (charges: readonly Charge[], remaining: readonly number[]): boolean =>
  remaining.every((left, row) => {
    const asked = charges.reduce((sum, one) => sum + (one.rows.includes(row) ? one.units : 0), 0)
    return asked <= left
  })
