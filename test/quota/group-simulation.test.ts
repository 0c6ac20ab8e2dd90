// The engine in random histories over a simulated database: clocks step, replies are late or lost, rows come and go.
import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { recordFigure } from '../support/figures.ts'
import { beginHistory } from '../support/simulated-history.ts'
import type { Operation } from '../support/simulated-schedule.ts'
import { REPLICAS, schedule } from '../support/simulated-schedule.ts'

const OPERATIONS = 200
const RUNS = process.env['LATCHKEY_PROVE'] === '1' ? 30_000 : 600

/** Whether a replica's clock follows what it hears of the database's. */
const believing = fc.array(fc.boolean(), { minLength: REPLICAS, maxLength: REPLICAS })

test(`${RUNS} histories of ${OPERATIONS} operations: never over, all or none, everybody told once, every loss reported, no room lost`, {
  timeout: 600_000,
}, async () => {
  // What the histories went through: those in which nothing happens prove nothing.
  const seen = {
    'units admitted': 0,
    'units refused': 0,
    'units unknown': 0,
    'units wasted': 0,
    'groups charged': 0,
    'groups charged under locks': 0,
    'groups raised': 0,
    'units dropped with their callers': 0,
  }
  const history = async (believes: readonly boolean[], operations: readonly Operation[]) => {
    const { world, audit } = await carryOut(believes, operations)
    expect(audit()).toEqual([])
    const { observed, tally } = world
    seen['units admitted'] += tally.unitsTold('charged')
    seen['units refused'] += tally.unitsTold('exhausted')
    seen['units unknown'] += observed.unknown
    seen['units wasted'] += observed.wasted
    seen['groups charged'] += observed.groups
    seen['groups charged under locks'] += observed.locked
    seen['groups raised'] += observed.raised
    seen['units dropped with their callers'] += tally.unitsTold('deadline_exceeded')
  }
  const seed = randomInt(2 ** 31)
  await fc.assert(fc.asyncProperty(believing, schedule(OPERATIONS), history), { numRuns: RUNS, seed })

  for (const [what, times] of Object.entries(seen)) expect(times, what).toBeGreaterThan(0)
  const command = 'make prove CASE=quota-engine'
  const name = `random histories of ${OPERATIONS} operations over a simulated database (seed ${seed}): violations of any promise`
  recordFigure({ name, value: `0 in ${RUNS}`, command })
  for (const [what, times] of Object.entries(seen))
    recordFigure({ name: `${what} in these histories`, value: times, command })
})

const carryOut = async (believes: readonly boolean[], operations: readonly Operation[]) => {
  const history = beginHistory(believes)
  for (const operation of operations) await history.perform(operation)
  await history.world.drain()
  await history.fill()
  return history
}
