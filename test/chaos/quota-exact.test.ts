// Several processes on one quota at the ledger's port: exactly its amount is admitted, and everything else is refused.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ChargeForm } from '../../src/quota/quota-ledger.ts'
import { recordFigure } from '../support/figures.ts'
import { unitsOf } from '../support/ledger-accounts.ts'
import { aKeyToCharge, IN_FLIGHT, PROCESSES, startLoad } from '../support/ledger-load.ts'
import { ANSWERS } from '../support/ledger-tally.ts'
import type { MariadbServer } from '../support/mariadb.ts'
import { startMariadb } from '../support/mariadb.ts'

const PROVE = process.env['LATCHKEY_PROVE'] === '1'
const RUNS = PROVE ? 20 : 1
const AMOUNT = PROVE ? 1_000_000 : 50_000
const DIRECT_AMOUNT = PROVE ? 20_000 : 1_000

let server: MariadbServer
beforeAll(async () => {
  server = await startMariadb()
})
afterAll(async () => {
  recordRates()
  await server.stop()
})

const rates: number[] = []
const admitted = new Set<number | undefined>()

const recordRates = () => {
  const sorted = rates.toSorted((a, b) => a - b)
  recordFigure({
    name: `admitted at the ledger's port, of ${AMOUNT} allowed, in each of ${rates.length} runs of ${PROCESSES} processes × ${IN_FLIGHT}`,
    value: [...admitted].join(', '),
  })
  recordFigure({
    name: 'charges a second, in the median run',
    value: Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0),
  })
}

const runOut = async (chargeForm: ChargeForm, amount: number) => {
  const limits = [{ unit: 'requests', period: 'total', zone: 'UTC', amount }] as const
  const load = await startLoad({
    server,
    chargeForm,
    untilExhausted: true,
    plans: async (store) => [await aKeyToCharge(store, 'acme', limits)],
  })
  const beganMs = performance.now()
  await load.fleet.ended()
  const seconds = (performance.now() - beganMs) / 1_000
  const tally = load.tally()
  const answers = Object.fromEntries(ANSWERS.map((answer) => [answer, unitsOf(tally, answer)]))
  return {
    answers,
    observed: tally.observed,
    rows: [...(await load.rows()).values()],
    rate: amount / seconds,
  }
}

/** Each caller that is refused leaves, so as many are refused as there are. */
const exactly = (amount: number) => ({
  admitted: amount,
  exhausted: PROCESSES * IN_FLIGHT,
  unknown: 0,
  stale: 0,
  late: 0,
  overloaded: 0,
  unavailable: 0,
})

type Run = Readonly<{ form: ChargeForm; amount: number; run: number }>

const runs: readonly Run[] = [
  ...Array.from({ length: RUNS }, (_, n): Run => ({ form: 'grouped', amount: AMOUNT, run: n + 1 })),
  { form: 'direct', amount: DIRECT_AMOUNT, run: 1 },
]

describe(`${PROCESSES} processes × ${IN_FLIGHT} charges in flight`, () => {
  test.each(runs)(
    'one quota, $form form: exactly its amount is admitted, nobody unavailable (run $run)',
    async ({ form, amount }) => {
      const { answers, observed, rows, rate } = await runOut(form, amount)
      if (form === 'grouped') {
        rates.push(rate)
        admitted.add(answers['admitted'])
      }
      expect(answers).toEqual(exactly(amount))
      expect(observed).toMatchObject({ unknown: 0, wasted: 0 })
      expect(rows).toContainEqual({ amount, used: amount })
    },
  )
})
