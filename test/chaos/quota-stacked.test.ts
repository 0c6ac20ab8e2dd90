// Six rows a charge, one of them hot for everybody, some running out, under load: all rows of a charge or none.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { recordFigure } from '../support/figures.ts'
import { lost, unitsOf, untilAdmitted, untilIdle } from '../support/ledger-accounts.ts'
import { cutConnections } from '../support/ledger-faults.ts'
import { startLoad } from '../support/ledger-load.ts'
import type { Tally } from '../support/ledger-tally.ts'
import type { MariadbServer } from '../support/mariadb.ts'
import { startMariadb } from '../support/mariadb.ts'
import { AMPLE, STILL_MS, stackedKeys } from '../support/stacked-keys.ts'

const PROVE = process.env['LATCHKEY_PROVE'] === '1'
const KEYS = 100
/** So many units are admitted by each process before it ends. */
const UNITS_EACH = PROVE ? 400_000 : 20_000
const CUTS = PROVE ? 500 : 80

let server: MariadbServer
beforeAll(async () => {
  server = await startMariadb()
})
afterAll(() => server.stop())

/** The first two teams run out, and so does every third key, by its minute or by its month in turn. */
const newKeys = (store: Store) =>
  stackedKeys(store, {
    teams: 10,
    keys: KEYS,
    dayOf: (team) => (team < 2 ? 1_500 + team : AMPLE),
    minuteOf: (key) => (key % 6 === 0 ? 100 + key : AMPLE),
    monthOf: (key) => (key % 6 === 3 ? 100 + key : AMPLE),
  })

/** Some of each kind have run out, so that charges were refused for one row of six. */
const expectRunOut = (tally: Tally) =>
  expect(tally.plans.filter(({ exhausted }) => exhausted > 0).length).toBeGreaterThan(KEYS / 3)

test('without faults each row is charged what was admitted on it, unit by unit', async () => {
  const load = await startLoad({ server, plans: newKeys, databaseNowMs: STILL_MS })
  const beganMs = performance.now()
  const { breaches } = await load.watch(() => untilAdmitted(load.fleet, UNITS_EACH))
  const seconds = (performance.now() - beganMs) / 1_000
  const rate = unitsOf(load.tally(), 'admitted') / seconds
  await load.fleet.stop()
  const tally = load.tally()
  for (const answer of ['unknown', 'stale', 'late', 'overloaded', 'unavailable'] as const)
    expect([answer, unitsOf(tally, answer)]).toEqual([answer, 0])
  // Nothing is unknown and nobody waits: a row that differs by one unit is a breach.
  expect(lost(tally)).toBe(0)
  expect([...breaches, ...(await load.breaches())]).toEqual([])
  expectRunOut(tally)
  recordFigure({ name: 'six rows a charge: units admitted', value: unitsOf(tally, 'admitted') })
  recordFigure({ name: 'six rows a charge: units admitted in a second', value: Math.round(rate) })
  const { groups, raised, locked } = tally.observed
  recordFigure({
    name: 'six rows a charge: groups that were charged, of which under locks, and statements that raised before',
    value: `${groups}, ${locked}, ${raised}`,
  })
})

test('with connections cut every 50 ms no row is over, and each row differs by no more than was lost', async () => {
  const load = await startLoad({ server, plans: newKeys, databaseNowMs: STILL_MS })
  const { result: cut, breaches } = await load.watch(async () => {
    const connections = await cutConnections(server, load, CUTS)
    await untilAdmitted(load.fleet)
    return connections
  })
  await load.fleet.stop()
  await untilIdle(server.run, load.database)
  const tally = load.tally()
  expect(cut).toBeGreaterThan(0)
  expect(tally.observed.unknown).toBe(unitsOf(tally, 'unknown'))
  // No row was removed, so nothing can have been charged in part.
  expect(tally.observed.wasted + unitsOf(tally, 'stale')).toBe(0)
  expect([...breaches, ...(await load.breaches())]).toEqual([])
  expectRunOut(tally)
  const admitted = unitsOf(tally, 'admitted')
  const charged = Math.max(...[...(await load.rows()).values()].map(({ used }) => used))
  recordFigure({ name: 'six rows a charge: connections cut', value: cut })
  recordFigure({ name: 'six rows a charge, connections cut: units admitted', value: admitted })
  recordFigure({
    name: 'the same: units charged and not admitted on the row that all share, of as many reported as unknown or wasted',
    value: `${charged - admitted} of ${lost(tally)}`,
  })
})
