// Three Galera nodes, charged through all at once: never over, nothing acknowledged is missing, whichever node is killed.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { recordFigure } from '../support/figures.ts'
import type { GaleraCluster, GaleraNode } from '../support/galera.ts'
import { startGalera } from '../support/galera.ts'
import type { GaleraLoad } from '../support/galera-load.ts'
import { startGaleraLoad } from '../support/galera-load.ts'
import { lost, unitsOf } from '../support/ledger-accounts.ts'
import { aKeyToCharge } from '../support/ledger-load.ts'
import type { Answer, Tally } from '../support/ledger-tally.ts'
import { AMPLE, MOST_UNITS, requestsIn, STILL_MS, stackedKeys } from '../support/stacked-keys.ts'

const PROVE = process.env['LATCHKEY_PROVE'] === '1'
const HOT_AMOUNT = PROVE ? 300_000 : 20_000
/** So many units each process admits in each act of a test. */
const UNITS_EACH = PROVE ? 30_000 : 3_000
const KEYS = 60
const EVERYWHERE = [0, 1, 2]

let cluster: GaleraCluster
beforeAll(async () => {
  cluster = await startGalera()
})
afterAll(() => cluster.stop())

/** One team and half of the keys run out. And a key with one row of its own. */
const newKeys = async (store: Store) => {
  const stacked = await stackedKeys(store, {
    teams: 6,
    keys: KEYS,
    dayOf: (team) => (team === 0 ? 700 : AMPLE),
    minuteOf: () => AMPLE,
    monthOf: (key) => (key % 2 === 0 ? 50 + key : AMPLE),
  })
  return [await aKeyToCharge(store, 'single', [requestsIn('total', AMPLE)], MOST_UNITS), ...stacked]
}

const expectRunOut = (tally: Tally) =>
  expect(tally.plans.filter(({ exhausted }) => exhausted > 0).length).toBeGreaterThanOrEqual(KEYS / 2)

const expectAllAgree = async (load: GaleraLoad) => {
  const [first, ...others] = await Promise.all(cluster.nodes.map((node) => load.rows(node)))
  for (const rows of others) expect(rows).toEqual(first)
  for (const node of cluster.nodes) expect(await load.breaches(node)).toEqual([])
}

/** Nobody was sent away but for want of units: two nodes that write one row at the same time are not the caller's trouble. */
const expectAllServed = (tally: Tally) => {
  const failures: readonly Answer[] = ['unknown', 'stale', 'late', 'overloaded', 'unavailable']
  for (const answer of failures) expect([answer, unitsOf(tally, answer)]).toEqual([answer, 0])
  // Nothing is unknown and nobody waits: a row that differs by one unit is a breach.
  expect(lost(tally)).toBe(0)
}

test('one row charged through three nodes admits exactly its amount', async () => {
  const load = await startGaleraLoad({
    cluster,
    plans: async (store) => [await aKeyToCharge(store, 'acme', [requestsIn('total', HOT_AMOUNT)])],
    untilExhausted: true,
  })
  const beganMs = performance.now()
  const breaches = await load.watch(load.ended)
  const seconds = (performance.now() - beganMs) / 1_000
  expect(breaches).toEqual([])
  expectAllServed(load.tally())
  expect(unitsOf(load.tally(), 'admitted')).toBe(HOT_AMOUNT)
  await expectAllAgree(load)
  recordFigure({ name: 'Galera, one row through three nodes: admitted, of as many', value: HOT_AMOUNT })
  recordFigure({
    name: 'Galera, one row through three nodes: admitted in a second',
    value: Math.round(HOT_AMOUNT / seconds),
  })
})

test('six rows a charge: each row is charged what was admitted on it, unit by unit, and COMMIT goes alone', async () => {
  const load = await startGaleraLoad({ cluster, plans: newKeys, databaseNowMs: STILL_MS })
  const [node] = cluster.nodes
  await node.read("SET GLOBAL log_output = 'TABLE'")
  await node.read('SET GLOBAL general_log = ON')
  const beganMs = performance.now()
  const breaches = await load.watch(() => load.admit(EVERYWHERE, UNITS_EACH))
  const rate = unitsOf(load.tally(), 'admitted') / ((performance.now() - beganMs) / 1_000)
  await load.stop()
  await node.read('SET GLOBAL general_log = OFF')
  const tally = load.tally()
  expect(breaches).toEqual([])
  expectAllServed(tally)
  expectRunOut(tally)
  await expectAllAgree(load)

  // In one packet with the charge it would be answered OK although the charge was rolled back for another node's.
  const packets = async (condition: string) => {
    const text = `SELECT COUNT(*) AS packets FROM mysql.general_log WHERE command_type = 'Query' AND ${condition}`
    return Number((await node.read(text))[0]?.['packets'])
  }
  expect(await packets("argument LIKE 'UPDATE quota %'")).toBeGreaterThan(0)
  expect(await packets("argument LIKE '%UPDATE quota %' AND argument LIKE '%COMMIT%'")).toBe(0)
  recordFigure({ name: 'Galera, six rows a charge: units admitted in a second', value: Math.round(rate) })
  recordFigure({ name: 'Galera, six rows a charge: groups under locks', value: tally.observed.locked })
})

type Fault = Readonly<{
  name: string
  times: number
  strike(node: GaleraNode): Promise<void>
  heal(node: GaleraNode): Promise<void>
}>

const KILLED: Fault = {
  name: 'killed',
  times: PROVE ? 3 : 1,
  strike: (node) => node.kill(),
  heal: (node) => node.resume(),
}

/** What it had begun is undone or found to be done, when it learns that the others went on without it. */
const FROZEN: Fault = {
  name: 'frozen',
  times: 2,
  strike: (node) => node.freeze(),
  heal: (node) => node.thaw(),
}

test.each(PROVE ? [KILLED, FROZEN] : [KILLED])(
  'a node $name under load: never over, each lost unit accounted for, and it comes back to the same rows',
  { timeout: 240_000 },
  async ({ name, times, strike, heal }) => {
    const load = await startGaleraLoad({ cluster, plans: newKeys, databaseNowMs: STILL_MS })
    const breaches = await load.watch(async () => {
      for (let time = 0; time < times; time += 1) {
        await load.admit(EVERYWHERE, UNITS_EACH)
        // The last one first; in its turn also the one that the cluster began with.
        const struck = EVERYWHERE.length - 1 - (time % EVERYWHERE.length)
        const node = cluster.nodes[struck] ?? cluster.nodes[0]
        const others = EVERYWHERE.filter((place) => place !== struck)
        await strike(node)
        await load.admit(others, UNITS_EACH)
        await heal(node)
      }
      await load.admit(EVERYWHERE, UNITS_EACH)
    })
    await load.stop()
    await load.rest()
    const tally = load.tally()
    // Whoever is told that it is not known is told by the engine, and the other way round.
    expect(tally.observed.unknown).toBe(unitsOf(tally, 'unknown'))
    expectRunOut(tally)
    // In this order: what is still so in the end is in the rows, what is not was in the looking.
    await expectAllAgree(load)
    expect(breaches).toEqual([])
    const charged = Math.max(...[...(await load.rows(cluster.nodes[0])).values()].map(({ used }) => used))
    const admitted = unitsOf({ ...tally, plans: tally.plans.slice(1) }, 'admitted')
    recordFigure({ name: `Galera: nodes ${name}`, value: times })
    recordFigure({ name: `Galera, nodes ${name}: units admitted`, value: unitsOf(tally, 'admitted') })
    recordFigure({
      name: `Galera, nodes ${name}: units charged and not admitted on the row that all share, of as many reported as unknown or wasted`,
      value: `${charged - admitted} of ${lost(tally)}`,
    })
  },
)
