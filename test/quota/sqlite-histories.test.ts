// The random histories of the simulated database on real SQLite, in both forms: what was told is what was charged.
import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recordFigure } from '../support/figures.ts'
import { schedule } from '../support/simulated-schedule.ts'
import type { SqliteHistories } from '../support/sqlite-history.ts'
import { openSqliteHistories } from '../support/sqlite-history.ts'
import { CHARGE_FORMS } from '../support/stores.ts'

const OPERATIONS = 200
const RUNS = process.env['LATCHKEY_PROVE'] === '1' ? 750 : 25

describe.each(CHARGE_FORMS)('the %s form on SQLite', (form) => {
  let histories: SqliteHistories
  beforeAll(async () => {
    histories = await openSqliteHistories(form)
  })
  afterAll(() => histories.close())

  test(`${RUNS} histories of ${OPERATIONS} operations: never over, all or none, nothing lost`, {
    timeout: 600_000,
  }, async () => {
    let admitted = 0
    let refused = 0
    const seed = randomInt(2 ** 31)
    await fc.assert(
      fc.asyncProperty(schedule(OPERATIONS), async (operations) => {
        const history = await histories.run(operations)
        expect(history.wrong).toEqual([])
        admitted += history.admitted
        refused += history.refused
      }),
      { numRuns: RUNS, seed },
    )
    expect(histories.lost()).toBe(0)
    expect(admitted).toBeGreaterThan(0)
    expect(refused).toBeGreaterThan(0)
    const name = `random histories of ${OPERATIONS} operations on SQLite in the ${form} form (seed ${seed}): violations of any promise`
    const command = 'make prove CASE=quota-engine'
    recordFigure({ name, value: `0 in ${RUNS}`, command })
    recordFigure({ name: `units admitted in these histories in the ${form} form`, value: admitted, command })
  })
})
