// A database of its own under the load of several processes, watched row by row while it lasts.

import { createCall } from '../../src/kernel/call.ts'
import { createClock } from '../../src/kernel/clock.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { LimitDraft } from '../../src/quota/limit-book.ts'
import type { ChargeForm } from '../../src/quota/quota-ledger.ts'
import type { Store } from '../../src/store/store.ts'
import { openStore } from '../../src/store/store.ts'
import { aDirectory, onClose } from './closing.ts'
import type { LedgerFleet } from './ledger-fleet.ts'
import { startFleet, sumOf } from './ledger-fleet.ts'
import type { Answer, PlanTally, Tally } from './ledger-tally.ts'
import { ANSWERS } from './ledger-tally.ts'
import type { ChargePlan } from './ledger-worker.ts'
import type { MariadbServer } from './mariadb.ts'
import { aDraft, chargedQuotas } from './stores.ts'

export type LedgerLoad = Readonly<{
  database: string
  fleet: LedgerFleet
  tally(): Tally
  /** What is wrong with the rows as they are now, in sentences: over their amount, or not what the tallies say. */
  breaches(): Promise<readonly string[]>
  /** The same again and again while `work` runs, in between and at its end; a database that is away is left out. */
  watch<T>(
    work: () => Promise<T>,
  ): Promise<Readonly<{ result: T; breaches: readonly string[]; looks: number }>>
  rows(): Promise<ReadonlyMap<number, Row>>
}>

export type LoadOptions = Readonly<{
  server: MariadbServer
  /** Makes what is charged in a fresh database. */
  plans: (store: Store) => Promise<readonly ChargePlan[]>
  chargeForm?: ChargeForm
  inFlight?: number
  untilExhausted?: boolean
  /** Where the database's clock stands still, so that no window turns. */
  databaseNowMs?: number
}>

export type Row = Readonly<{ amount: number; used: number }>

export const PROCESSES = 4
export const IN_FLIGHT = 256
const LOOK_EVERY_MS = 50
const LOOK_UP_TIMEOUT_MS = 20_000

const clock = createClock()

export const startLoad = async (options: LoadOptions): Promise<LedgerLoad> => {
  const {
    server,
    chargeForm = 'grouped',
    inFlight = IN_FLIGHT,
    untilExhausted = false,
    databaseNowMs,
  } = options
  const url = await server.freshDatabase()
  const database = new URL(url).pathname.slice(1)
  const store = await openStore({ url, clock })
  onClose(store.close)
  await store.migrate()
  const plans = await options.plans(store)
  await store.close()
  const directory = await aDirectory()
  const order = { url, chargeForm, plans, inFlight, untilExhausted, databaseNowMs }
  const fleet = await startFleet({ ...order, processes: PROCESSES, directory })
  onClose(fleet.close)
  const rows = async () => {
    const found = await server.run(`SELECT id, amount, used FROM ${database}.quota`)
    return new Map(
      found.map(({ id, amount, used }) => [Number(id), { amount: Number(amount), used: Number(used) }]),
    )
  }
  const breaches = async () => {
    // What was admitted before one looks is in the row; what is in the row was asked for before one has looked.
    const before = sumOf(fleet.tallies())
    const seen = await rows()
    return breachesOf(plans, seen, before, sumOf(fleet.tallies()))
  }
  return {
    database,
    fleet,
    tally: () => sumOf(fleet.tallies()),
    breaches,
    rows,
    watch: async (work) => {
      const found = new Set<string>()
      let looks = 0
      const working = { still: true }
      const watching = (async () => {
        while (working.still) {
          const seen = await breaches().catch(() => undefined)
          if (seen !== undefined) looks += 1
          for (const breach of seen ?? []) found.add(breach)
          await pause(LOOK_EVERY_MS)
        }
      })()
      try {
        const result = await work()
        working.still = false
        await watching
        return { result, breaches: [...found, ...(await breaches())], looks }
      } finally {
        working.still = false
      }
    },
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** A new key below an owner that is there, and all that a Check of it charges. */
export const aKeyToCharge = async (
  store: Store,
  ownerPath: string,
  limits: readonly LimitDraft[],
  mostUnits = 1,
): Promise<ChargePlan> => {
  const owners = await store.ownerBook.listOwners()
  if (!owners.some(({ path }) => path === ownerPath))
    await store.ownerBook.createOwner(ownerPath, NO_RULES, { withParents: true })
  const draft = aDraft({ ownerPath, limits })
  await store.keyBook.createKeys([draft])
  const { key } = await store.keyStore.find(
    draft.digest,
    -1,
    createCall(clock.monotonicMs() + LOOK_UP_TIMEOUT_MS),
  )
  if (key === undefined) throw new Error('the key is not there')
  return { quotas: chargedQuotas(key), mostUnits }
}

/** Asked for, and no answer yet or none ever. */
export const unanswered = (plan: PlanTally): number =>
  ANSWERS.reduce((left, answer) => left - plan[answer], plan.asked)

export const unitsOf = (tally: Tally, what: Answer | 'asked'): number =>
  tally.plans.reduce((sum, plan) => sum + plan[what], 0)

/** Units that may have been charged without anybody having been told. */
export const lost = (tally: Tally): number =>
  tally.plans.reduce((sum, plan) => sum + plan.unknown + unanswered(plan), tally.observed.wasted)

export const breachesOf = (
  plans: readonly ChargePlan[],
  rows: ReadonlyMap<number, Row>,
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
    if (used > most) breaches.push(`row ${id}: ${used} charged, of which only ${most} can be accounted for`)
  }
  return breaches
}
