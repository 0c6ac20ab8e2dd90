// The load of processes that charge the same quotas through the nodes of a cluster, one process through each node.
import { createClock } from '../../src/kernel/clock.ts'
import type { ChargeForm } from '../../src/quota/quota-ledger.ts'
import type { Store } from '../../src/store/store.ts'
import { openStore } from '../../src/store/store.ts'
import { aDirectory, onClose } from './closing.ts'
import type { GaleraCluster, GaleraNode } from './galera.ts'
import { startFleet, sumOf } from './ledger-fleet.ts'
import type { Row } from './ledger-load.ts'
import { breachesOf, pause, unitsOf } from './ledger-load.ts'
import type { Tally } from './ledger-tally.ts'
import type { ChargePlan } from './ledger-worker.ts'

export type GaleraLoad = Readonly<{
  database: string
  tally(): Tally
  /** Resolves when each of these processes has admitted so much more; the test's own time limit ends it. */
  admit(places: readonly number[], units: number): Promise<void>
  rows(node: GaleraNode): Promise<ReadonlyMap<number, Row>>
  /** What is wrong with the rows as a node has them now, in sentences. */
  breaches(node: GaleraNode): Promise<readonly string[]>
  /** What was wrong on any node while `work` ran; a node that is away is left out. */
  watch(work: () => Promise<void>): Promise<readonly string[]>
  stop(): Promise<void>
  /** Resolves when all processes have ended by themselves. */
  ended(): Promise<void>
  /** Resolves when no statement of the load runs on any node: what was cut off may go on for a while. */
  rest(): Promise<void>
}>

export type GaleraLoadOptions = Readonly<{
  cluster: GaleraCluster
  /** Makes what is charged in a fresh database. */
  plans: (store: Store) => Promise<readonly ChargePlan[]>
  chargeForm?: ChargeForm
  untilExhausted?: boolean
  /** Where the database's clock stands still, so that no window turns. */
  databaseNowMs?: number
}>

export const IN_FLIGHT = 64
const LOOK_EVERY_MS = 50

export const startGaleraLoad = async (options: GaleraLoadOptions): Promise<GaleraLoad> => {
  const { cluster, chargeForm = 'grouped', untilExhausted = false, databaseNowMs } = options
  const { nodes } = cluster
  const database = await cluster.freshDatabase()
  const plans = await makePlans(`${nodes[0].baseUrl}/${database}`, options.plans)
  // A node that lags behind might not have the tables yet.
  for (const node of nodes) await node.read('SELECT 1')
  const fleet = await startFleet({
    url: nodes.map(({ baseUrl }) => `${baseUrl}/${database}`),
    processes: nodes.length,
    directory: await aDirectory(),
    plans,
    chargeForm,
    inFlight: IN_FLIGHT,
    untilExhausted,
    databaseNowMs,
  })
  onClose(fleet.close)
  const tally = () => sumOf(fleet.tallies())
  const rows = async (node: GaleraNode) => {
    const found = await node.read(`SELECT id, amount, used FROM ${database}.quota`)
    return new Map(
      found.map(({ id, amount, used }) => [Number(id), { amount: Number(amount), used: Number(used) }]),
    )
  }
  const breaches = async (node: GaleraNode) => {
    const before = tally()
    const seen = await rows(node)
    return breachesOf(plans, seen, before, tally())
  }
  return {
    database,
    tally,
    rows,
    breaches,
    admit: async (places, units) => {
      const admitted = () => {
        const tallies = fleet.runningTallies().map((one) => unitsOf(one, 'admitted'))
        return places.map((place) => tallies[place] ?? 0)
      }
      const before = admitted()
      while (admitted().some((now, at) => now < (before[at] ?? 0) + units)) await pause(20)
    },
    watch: async (work) => {
      const found = new Set<string>()
      const working = { still: true }
      const watching = (async () => {
        while (working.still)
          for (const node of nodes) {
            for (const breach of await breaches(node).catch(() => [])) found.add(breach)
            await pause(LOOK_EVERY_MS)
          }
      })()
      try {
        await work()
      } finally {
        working.still = false
        await watching
      }
      return [...found]
    },
    stop: fleet.stop,
    ended: fleet.ended,
    rest: async () => {
      const ofTheLoad = `db = '${database}' AND command <> 'Sleep'`
      for (const node of nodes) {
        const busy = () => node.read(`SELECT id FROM information_schema.processlist WHERE ${ofTheLoad}`)
        while ((await busy()).length > 0) await pause(20)
      }
    },
  }
}

const makePlans = async (
  url: string,
  plans: (store: Store) => Promise<readonly ChargePlan[]>,
): Promise<readonly ChargePlan[]> => {
  const store = await openStore({ url, clock: createClock() })
  try {
    await store.migrate()
    return await plans(store)
  } finally {
    await store.close()
  }
}
