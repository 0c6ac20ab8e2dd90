// What processes tell of the units that they charge, held against the rows: once, or again and again while they charge.
import type { Store } from '../../src/store/store.ts'
import type { LedgerFleet } from './ledger-fleet.ts'
import type { Answer, PlanTally, Tally } from './ledger-tally.ts'
import { ANSWERS } from './ledger-tally.ts'
import type { ChargePlan } from './ledger-worker.ts'

export type Row = Readonly<{ amount: number; used: number }>
export type RowsById = ReadonlyMap<number, Row>

/** Makes what is charged, in a fresh database. */
export type MakePlans = (store: Store) => Promise<readonly ChargePlan[]>

/** Asks a server. */
export type Run = (text: string) => Promise<readonly Readonly<Record<string, unknown>>[]>

/** What is wrong with the rows as they are now, in sentences: over their amount, or not what the tallies say. */
export type Look = () => Promise<readonly string[]>

const LOOK_EVERY_MS = 50

export const rowsIn = async (run: Run, database: string): Promise<RowsById> => {
  const found = await run(`SELECT id, amount, used FROM ${database}.quota`)
  return new Map(
    found.map(({ id, amount, used }) => [Number(id), { amount: Number(amount), used: Number(used) }]),
  )
}

/** What was admitted before one looks is in the row; what is in the row was asked for before one has looked. */
export const lookAt = async (
  plans: readonly ChargePlan[],
  tally: () => Tally,
  rows: () => Promise<RowsById>,
): Promise<readonly string[]> => {
  const before = tally()
  const seen = await rows()
  return breachesOf(plans, seen, before, tally())
}

/** Looks in turn for as long as `work` runs; a database that is away is left out. */
export const watchWhile = async <T>(
  work: () => Promise<T>,
  looks: readonly Look[],
): Promise<Readonly<{ result: T; breaches: readonly string[]; looks: number }>> => {
  const found = new Set<string>()
  let succeeded = 0
  const working = { still: true }
  const watching = (async () => {
    while (working.still)
      for (const look of looks) {
        const seen = await look().catch(() => undefined)
        if (seen !== undefined) succeeded += 1
        for (const breach of seen ?? []) found.add(breach)
        await pause(LOOK_EVERY_MS)
      }
  })()
  try {
    const result = await work()
    working.still = false
    await watching
    return { result, breaches: [...found], looks: succeeded }
  } finally {
    working.still = false
    await watching
  }
}

/** Resolves when each process in these places, or everywhere, has admitted so much more; the test's own time limit ends it. */
export const untilAdmitted = async (
  fleet: LedgerFleet,
  units = 1_000,
  places: readonly number[] = fleet.runningTallies().map((_, place) => place),
): Promise<void> => {
  const admitted = () => {
    const tallies = fleet.runningTallies().map((tally) => unitsOf(tally, 'admitted'))
    return places.map((place) => tallies[place] ?? 0)
  }
  const before = admitted()
  while (admitted().some((now, at) => now < (before[at] ?? 0) + units)) await pause(20)
}

/** Resolves when no statement runs in the database: what was cut off may go on for a while. */
export const untilIdle = async (run: Run, database: string): Promise<void> => {
  const busy = () =>
    run(`SELECT id FROM information_schema.processlist WHERE db = '${database}' AND command <> 'Sleep'`)
  while ((await busy()).length > 0) await pause(20)
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Asked for, and no answer yet or none ever. */
const unanswered = (plan: PlanTally): number =>
  ANSWERS.reduce((left, answer) => left - plan[answer], plan.asked)

export const unitsOf = (tally: Tally, what: Answer | 'asked'): number =>
  tally.plans.reduce((sum, plan) => sum + plan[what], 0)

/** Units that may have been charged without anybody having been told. */
export const lost = (tally: Tally): number =>
  tally.plans.reduce((sum, plan) => sum + plan.unknown + unanswered(plan), tally.observed.wasted)

const breachesOf = (
  plans: readonly ChargePlan[],
  rows: RowsById,
  before: Tally,
  after: Tally,
): readonly string[] => {
  const breaches: string[] = []
  for (const [id, { amount, used }] of rows) {
    const on = (tally: Tally) =>
      tally.plans.filter((_, at) => plans[at]?.quotas.some((quota) => quota.id === id))
    const admitted = on(before).reduce((sum, plan) => sum + plan.admitted, 0)
    const most = on(after).reduce(
      (sum, plan) => sum + plan.admitted + plan.unknown + unanswered(plan),
      after.observed.wasted,
    )
    if (used > amount) breaches.push(`row ${id}: ${used} used of ${amount}`)
    if (admitted > used) breaches.push(`row ${id}: ${admitted} admitted, ${used} charged`)
    if (used > most)
      breaches.push(
        `row ${id}: ${used} charged, of which only ${most} can be accounted for (${toldOf(on(after))})`,
      )
  }
  return breaches
}

const toldOf = (plans: readonly PlanTally[]): string =>
  (['asked', ...ANSWERS] as const)
    .map((what) => `${plans.reduce((sum, plan) => sum + plan[what], 0)} ${what}`)
    .join(', ')
