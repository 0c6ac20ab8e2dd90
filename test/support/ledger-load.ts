// A database of its own under the load of several processes, watched row by row while it lasts.
import { createCall } from '../../src/kernel/call.ts'
import { createClock } from '../../src/kernel/clock.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { LimitDraft } from '../../src/quota/limit-book.ts'
import type { ChargeForm } from '../../src/quota/quota-ledger.ts'
import type { Store } from '../../src/store/store.ts'
import { openStore } from '../../src/store/store.ts'
import { aDirectory, onClose } from './closing.ts'
import type { Look, MakePlans, RowsById } from './ledger-accounts.ts'
import { lookAt, rowsIn, watchWhile } from './ledger-accounts.ts'
import type { LedgerFleet } from './ledger-fleet.ts'
import { startFleet, sumOf } from './ledger-fleet.ts'
import type { Tally } from './ledger-tally.ts'
import type { ChargePlan } from './ledger-worker.ts'
import type { MariadbServer } from './mariadb.ts'
import { aDraft, chargedQuotas } from './stores.ts'

export type LedgerLoad = Readonly<{
  database: string
  fleet: LedgerFleet
  tally(): Tally
  breaches: Look
  /** What was wrong at any time while `work` ran, and at its end. */
  watch<T>(
    work: () => Promise<T>,
  ): Promise<Readonly<{ result: T; breaches: readonly string[]; looks: number }>>
  rows(): Promise<RowsById>
}>

export type LoadOptions = Readonly<{
  server: MariadbServer
  plans: MakePlans
  chargeForm?: ChargeForm
  inFlight?: number
  untilExhausted?: boolean
  /** Where the database's clock stands still, so that no window turns. */
  databaseNowMs?: number
}>

export const PROCESSES = 4
export const IN_FLIGHT = 256
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
  const plans = await plansIn(url, options.plans)
  const directory = await aDirectory()
  const order = { url, chargeForm, plans, inFlight, untilExhausted, databaseNowMs }
  const fleet = await startFleet({ ...order, processes: PROCESSES, directory })
  onClose(fleet.close)
  const tally = () => sumOf(fleet.tallies())
  const rows = () => rowsIn(server.run, database)
  const breaches = () => lookAt(plans, tally, rows)
  return {
    database,
    fleet,
    tally,
    breaches,
    rows,
    watch: async (work) => {
      const watched = await watchWhile(work, [breaches])
      return { ...watched, breaches: [...watched.breaches, ...(await breaches())] }
    },
  }
}

/** Migrates the database, and makes in it what is charged. */
export const plansIn = async (url: string, makePlans: MakePlans): Promise<readonly ChargePlan[]> => {
  const store = await openStore({ url, clock })
  try {
    await store.migrate()
    return await makePlans(store)
  } finally {
    await store.close()
  }
}

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
