// The load of processes that charge the same quotas through the nodes of a cluster, one process through each node.
import type { ChargeForm } from '../../src/quota/quota-ledger.ts'
import { aDirectory, onClose } from './closing.ts'
import type { GaleraCluster, GaleraNode } from './galera.ts'
import type { MakePlans, RowsById } from './ledger-accounts.ts'
import { lookAt, rowsIn, untilAdmitted, untilIdle, watchWhile } from './ledger-accounts.ts'
import { startFleet, sumOf } from './ledger-fleet.ts'
import { plansIn } from './ledger-load.ts'
import type { Tally } from './ledger-tally.ts'

export type GaleraLoad = Readonly<{
  database: string
  tally(): Tally
  /** Resolves when each of these processes has admitted so much more; the test's own time limit ends it. */
  admit(places: readonly number[], units: number): Promise<void>
  rows(node: GaleraNode): Promise<RowsById>
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
  plans: MakePlans
  chargeForm?: ChargeForm
  untilExhausted?: boolean
  /** Where the database's clock stands still, so that no window turns. */
  databaseNowMs?: number
}>

export const IN_FLIGHT = 64

export const startGaleraLoad = async (options: GaleraLoadOptions): Promise<GaleraLoad> => {
  const { cluster, chargeForm = 'grouped', untilExhausted = false, databaseNowMs } = options
  const { nodes } = cluster
  const database = await cluster.freshDatabase()
  const plans = await plansIn(`${nodes[0].baseUrl}/${database}`, options.plans)
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
  const rows = (node: GaleraNode) => rowsIn((text) => node.read(text), database)
  const breaches = (node: GaleraNode) => lookAt(plans, tally, () => rows(node))
  return {
    database,
    tally,
    rows,
    breaches,
    admit: (places, units) => untilAdmitted(fleet, units, places),
    watch: async (work) => {
      const looks = nodes.map((node, place) => async () => {
        const seen = await breaches(node)
        return seen.map((breach) => `node ${place}, ${breach}`)
      })
      return (await watchWhile(work, looks)).breaches
    },
    stop: fleet.stop,
    ended: fleet.ended,
    rest: async () => {
      for (const node of nodes) await untilIdle((text) => node.read(text), database)
    },
  }
}
