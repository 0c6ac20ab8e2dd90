// The same schedule in both forms of charging, direct and grouped: the same answers and the same rows, on every store.
import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SILENT_OBSERVER } from '../../src/quota/charge-observer.ts'
import type { Quota } from '../../src/quota/quota.ts'
import type { ChargeOutcome } from '../../src/quota/quota-ledger.ts'
import type { Store } from '../../src/store/store.ts'
import type { Charge, Schedule, Step } from '../support/charge-schedule.ts'
import { isRoomForAll, schedule } from '../support/charge-schedule.ts'
import { recordFigure } from '../support/figures.ts'
import { createKey, describeEveryStore, NOON, quotaRow } from '../support/stores.ts'

const RUNS = process.env['LATCHKEY_PROVE'] === '1' ? 1_000 : 60

/** A key with rows of its own, charged through a store of its own. */
type Side = Readonly<{
  store: Store
  keyId: string
  /** In the order of the limits. */
  quotas: readonly Quota[]
  limitIds: readonly number[]
}>

describeEveryStore('direct against grouped', (get, kind) => {
  let direct: Store
  let grouped: Store
  const seen = { charged: 0, exhausted: 0, stale: 0, groups: 0, 'charges in them': 0, 'mixed waves': 0 }
  beforeAll(async () => {
    const group = ({ charges }: { charges: number }) => {
      seen.groups += 1
      seen['charges in them'] += charges
    }
    direct = await get().openAgain({}, { chargeForm: 'direct' })
    grouped = await get().openAgain(
      {},
      { chargeForm: 'grouped', chargeObserver: { ...SILENT_OBSERVER, group } },
    )
  })
  afterAll(async () => {
    await direct.close()
    await grouped.close()
  })

  const newSide = async (store: Store, { limits }: Schedule): Promise<Side> => {
    const { id: keyId, quotas } = await createKey({ ...get(), store }, { limits })
    const listed = await store.limitBook.listLimits(keyId)
    const find = <T extends { period: string }>(all: readonly T[], period: string): T => {
      const found = all.find((one) => one.period === period)
      if (found === undefined) throw new Error(`there is no limit by ${period}`)
      return found
    }
    return {
      store,
      keyId,
      quotas: limits.map(({ period }) => find(quotas, period)),
      limitIds: limits.map(({ period }) => find(listed, period).id),
    }
  }

  const charge = async (side: Side, { rows, units }: Charge): Promise<ChargeOutcome> => {
    const quotas = rows.flatMap((row) => side.quotas.slice(row, row + 1))
    const outcome = await side.store.ledger.charge(quotas, units, get().newCall())
    seen[outcome.outcome] += 1
    return outcome
  }

  const remainingOf = async ({ store, quotas }: Side): Promise<readonly number[]> =>
    (await store.ledger.peek(quotas, get().newCall())).map(({ remaining }) => remaining)

  /** What the step came to, as far as the schedule determines it. */
  const take = async (side: Side, step: Step): Promise<unknown> => {
    const { keyBook, limitBook } = side.store
    switch (step.kind) {
      case 'charge':
        return told(await charge(side, step))
      case 'wave': {
        const wave = await Promise.all(Array.from({ length: step.times }, () => charge(side, step)))
        // As if they had been made one after the other, whoever was first.
        return wave.map((outcome) => JSON.stringify(told(outcome))).toSorted()
      }
      case 'mixed': {
        const remaining = await remainingOf(side)
        const outcomes: ChargeOutcome[] = []
        if (isRoomForAll(step.charges, remaining)) {
          seen['mixed waves'] += 1
          outcomes.push(...(await Promise.all(step.charges.map((one) => charge(side, one)))))
        } else for (const one of step.charges) outcomes.push(await charge(side, one))
        return [remaining, outcomes.map(({ outcome }) => outcome)]
      }
      case 'amount':
        return limitBook.updateLimit(side.limitIds[step.row] ?? 0, { amount: step.amount }).then(() => 'done')
      case 'disable':
        return keyBook.setKeyDisabled(side.keyId, step.disabled).then(() => 'done')
      case 'move':
        return 'done'
    }
  }

  const rowsOf = ({ quotas }: Side) =>
    Promise.all(quotas.map(async (quota) => ({ ...(await quotaRow(get(), quota.id)), id: 'its own' })))

  test(`${RUNS} random schedules come to the same answers and end with the same rows`, {
    timeout: 600_000,
  }, async () => {
    const seed = randomInt(2 ** 31)
    const compare = async (planned: Schedule) => {
      let nowMs = NOON
      await get().moveTo(nowMs)
      const sides = [await newSide(direct, planned), await newSide(grouped, planned)] as const
      for (const step of planned.steps) {
        if (step.kind === 'move') {
          nowMs += step.byMs
          await get().moveTo(nowMs)
        }
        const expected = await take(sides[0], step)
        expect(await take(sides[1], step)).toEqual(expected)
      }
      expect(await rowsOf(sides[1])).toEqual(await rowsOf(sides[0]))
    }
    await fc.assert(fc.asyncProperty(schedule, compare), { numRuns: RUNS, seed })

    for (const [what, times] of Object.entries(seen)) expect(times, what).toBeGreaterThan(0)
    expect(seen['charges in them']).toBeGreaterThan(seen.groups)
    const name = `random schedules, direct against grouped, ${kind} (seed ${seed}): differences`
    recordFigure({ name, value: `0 in ${RUNS}` })
    for (const [what, times] of Object.entries(seen))
      recordFigure({ name: `${what} in these schedules, ${kind}`, value: times })
  })
})

/** Of a charge that was made the direct form learns what remains, and not whether the amount was lowered meanwhile. */
const told = (outcome: ChargeOutcome): unknown => {
  if (outcome.outcome === 'stale') return outcome.outcome
  const whole = outcome.outcome === 'exhausted'
  return outcome.states.map(({ amount, used, remaining, resetsAtMs }) => [
    outcome.outcome,
    whole ? [amount, used] : [],
    remaining,
    resetsAtMs,
  ])
}
