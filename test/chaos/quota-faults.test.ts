// Connections cut, processes killed, the database killed, all under load: never over, and each lost unit accounted for.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { recordFigure } from '../support/figures.ts'
import { lost, unitsOf, untilAdmitted, untilIdle } from '../support/ledger-accounts.ts'
import { cutConnections, killDatabase, killProcesses } from '../support/ledger-faults.ts'
import type { LedgerLoad } from '../support/ledger-load.ts'
import { aKeyToCharge, startLoad } from '../support/ledger-load.ts'
import type { Tally } from '../support/ledger-tally.ts'
import type { MariadbServer } from '../support/mariadb.ts'
import { startMariadb } from '../support/mariadb.ts'

const PROVE = process.env['LATCHKEY_PROVE'] === '1'

let server: MariadbServer
beforeAll(async () => {
  server = await startMariadb()
})
afterAll(() => server.stop())

/** One that lasts, and some that run out, one after the other, while things break. */
const AMPLE = 1_000_000_000
const RUNNING_OUT = PROVE ? [1_000, 3_000, 10_000, 30_000, 60_000] : [300, 1_000, 2_000, 4_000]

const newKeys = async (store: Store) => {
  const plans = []
  for (const amount of [AMPLE, ...RUNNING_OUT])
    plans.push(
      await aKeyToCharge(store, 'acme', [{ unit: 'requests', period: 'total', zone: 'UTC', amount }]),
    )
  return plans
}

/** Charges that were neither made nor refused. */
const failures = (tally: Tally) =>
  (['unknown', 'unavailable', 'overloaded', 'late', 'stale'] as const).map((answer) => [
    answer,
    unitsOf(tally, answer),
  ])

type Fault = Readonly<{
  name: string
  /** What is counted, for people. */
  counted: string
  times: number
  inflict: (load: LedgerLoad, times: number) => Promise<number>
}>

const FAULTS: readonly Fault[] = [
  {
    name: 'connections cut every 50 ms',
    counted: 'connections cut',
    times: PROVE ? 500 : 80,
    inflict: (load, times) => cutConnections(server, load, times),
  },
  {
    name: 'a process killed every 2 s',
    counted: 'processes killed',
    times: PROVE ? 15 : 2,
    inflict: killProcesses,
  },
  {
    name: 'the database killed',
    counted: 'times the database was killed',
    times: PROVE ? 15 : 2,
    inflict: (load, times) => killDatabase(server, load, times),
  },
]

test.each(FAULTS)(
  '$name: never over, what was admitted is charged, each lost unit is accounted for, and all heals by itself',
  async ({ name, counted, times, inflict }) => {
    const load = await startLoad({ server, plans: newKeys })
    const {
      result: broken,
      breaches,
      looks,
    } = await load.watch(async () => {
      const broken = await inflict(load, times)
      await untilAdmitted(load.fleet)
      const healed = failures(load.tally())
      await untilAdmitted(load.fleet)
      expect(failures(load.tally())).toEqual(healed)
      return broken
    })
    await load.fleet.stop()
    await untilIdle(server.run, load.database)
    expect([...breaches, ...(await load.breaches())]).toEqual([])
    expect(looks).toBeGreaterThan(0)

    const tally = load.tally()
    // Whoever is told that it is not known is told by the engine, and the other way round.
    expect(tally.observed.unknown).toBe(unitsOf(tally, 'unknown'))
    // No row was removed, so nothing can have been charged in part.
    expect(tally.observed.wasted + unitsOf(tally, 'stale')).toBe(0)
    const rows = await load.rows()
    const used = (amount: number) => [...rows.values()].find((row) => row.amount === amount)?.used
    const ranOut = tally.plans.slice(1).filter(({ exhausted }) => exhausted > 0)
    expect(ranOut.length).toBeGreaterThan(0)
    for (const [at, amount] of RUNNING_OUT.entries())
      if ((tally.plans[at + 1]?.exhausted ?? 0) > 0) expect(used(amount)).toBe(amount)
    const charged = [...rows.values()].reduce((sum, row) => sum + row.used, 0)
    const admitted = unitsOf(tally, 'admitted')
    recordFigure({ name: `${name}: ${counted}`, value: broken })
    recordFigure({ name: `${name}: admitted, in all`, value: admitted })
    recordFigure({
      name: `${name}: charged and not admitted, of as many units reported as unknown or wasted, or asked by the dead`,
      value: `${charged - admitted} of ${lost(tally)}`,
    })
  },
)
