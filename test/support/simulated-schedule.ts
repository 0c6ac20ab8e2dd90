// Random histories of a simulated world: who charges what, what the network does, what people change, how clocks go.
import fc from 'fast-check'
import type { Period, Quota } from '../../src/quota/quota.ts'
import { FOREVER } from '../../src/quota/quota.ts'

/** `at` chooses among what is there, whatever its number; `slot` is a place for a row: it may get a new one. */
export type Operation =
  /** What a failing history shrinks to. */
  | Readonly<{ kind: 'nothing' }>
  | Readonly<{ kind: 'charge'; replica: number; slots: readonly number[]; units: number; patienceMs: number }>
  /** With the rows that the slots had at first, as a replica does that has not heard of any change. */
  | Readonly<{ kind: 'charge outdated'; replica: number; slots: readonly number[]; units: number }>
  | Readonly<{ kind: 'cancel'; at: number }>
  | Readonly<{ kind: 'turn' }>
  | Readonly<{ kind: 'move'; at: number; steps: number }>
  | Readonly<{ kind: 'lose' | 'refuse' | 'falter' | 'refute' | 'forget' | 'repeat'; at: number }>
  | Readonly<{ kind: 'advance'; byMs: number }>
  | Readonly<{ kind: 'step database clock'; byMs: number }>
  | Readonly<{ kind: 'shift replica clock'; replica: number; offMs: number }>
  | Readonly<{ kind: 'amount'; slot: number; amount: number; through: number }>
  | Readonly<{ kind: 'usable'; slot: number; untilMs: number; through: number }>
  | Readonly<{ kind: 'replace'; how: 'retire' | 'delete'; slot: number; amount: number; through: number }>

type SlotPlan = Readonly<{ period: Period; zone: string; amount: number }>

/** What many share, and what few do; the first is there to be locked only, as the row of a key without limits. */
export const SLOTS: readonly SlotPlan[] = [
  { period: 'total', zone: 'UTC', amount: FOREVER },
  { period: 'day', zone: 'UTC', amount: 60 },
  { period: 'minute', zone: 'UTC', amount: 12 },
  { period: 'hour', zone: 'Asia/Kolkata', amount: 20 },
  { period: 'minute', zone: 'UTC', amount: 5 },
  { period: 'day', zone: 'America/New_York', amount: 15 },
  { period: 'month', zone: 'Europe/Berlin', amount: 25 },
  { period: 'total', zone: 'UTC', amount: 10 },
]

export const REPLICAS = 3
/** Nobody: the change was made somewhere else. */
export const ELSEWHERE = REPLICAS

export const aSlotsQuota = (id: number, { period, zone, amount }: SlotPlan): Quota => ({
  id,
  subject: 'key',
  unit: 'requests',
  period,
  zone,
  amount,
  implicit: amount === FOREVER,
})

const slot = fc.nat({ max: SLOTS.length - 1 })
const replica = fc.nat({ max: REPLICAS - 1 })
const through = fc.nat({ max: ELSEWHERE })
const at = fc.nat({ max: 11 })
const units = fc.integer({ min: 1, max: 3 })
const amount = fc.oneof(
  { weight: 9, arbitrary: fc.nat({ max: 30 }) },
  { weight: 1, arbitrary: fc.constant(FOREVER) },
)
const slots = fc.shuffledSubarray([...SLOTS.keys()], { minLength: 1, maxLength: 6 })
const patienceMs = fc.constantFrom(20_000, 20_000, 500, 1)
const aKind = <Kind extends string>(kind: Kind) => fc.constant(kind)

/** Steps of time that fall into, on and just beside a second, a statement's patience, and windows. */
const byMs = fc.constantFrom(1, 1, 20, 20, 400, 999, 1_000, 3_000, 29_999, 60_000, 3_600_000, 86_400_000)
const stepMs = fc.constantFrom(-3_600_000, -60_000, -5_000, -500, 500, 5_000, 60_000)
const offMs = fc.constantFrom(-5_000, -500, 0, 0, 500, 5_000)

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { withCrossShrink: true },
  { weight: 1, arbitrary: fc.record({ kind: aKind('nothing') }) },
  { weight: 50, arbitrary: fc.record({ kind: aKind('charge'), replica, slots, units, patienceMs }) },
  { weight: 3, arbitrary: fc.record({ kind: aKind('charge outdated'), replica, slots, units }) },
  { weight: 60, arbitrary: fc.record({ kind: aKind('turn') }) },
  { weight: 80, arbitrary: fc.record({ kind: aKind('move'), at, steps: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 5, arbitrary: fc.record({ kind: aKind('cancel'), at }) },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constantFrom('lose', 'lose', 'refuse', 'falter', 'refute', 'refute', 'forget', 'repeat'),
      at,
    }),
  },
  { weight: 9, arbitrary: fc.record({ kind: aKind('advance'), byMs }) },
  { weight: 2, arbitrary: fc.record({ kind: aKind('step database clock'), byMs: stepMs }) },
  { weight: 2, arbitrary: fc.record({ kind: aKind('shift replica clock'), replica, offMs }) },
  { weight: 6, arbitrary: fc.record({ kind: aKind('amount'), slot, amount, through }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: aKind('usable'),
      slot,
      untilMs: fc.constantFrom(0, 1_000, FOREVER, FOREVER),
      through,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: aKind('replace'),
      how: fc.constantFrom('retire', 'delete'),
      slot,
      amount,
      through,
    }),
  },
)

/** As long as asked; a failing one shrinks to the few operations that it takes. */
export const schedule = (length: number): fc.Arbitrary<readonly Operation[]> =>
  fc
    .array(operation, { minLength: length, maxLength: length })
    .map((operations) => operations.filter(({ kind }) => kind !== 'nothing'))
