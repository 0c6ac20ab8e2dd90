// Clocks that step back, windows that are stored ahead of them, and limits that change: no window opens twice or moves back.
import { expect, test } from 'vitest'
import type { Period, Quota } from '../../src/quota/quota.ts'
import { PERIODS } from '../../src/quota/quota.ts'
import { startLoad } from '../support/quota-load.ts'
import { createKey, describeEveryForm, lookUp, NOON, quotaRow } from '../support/stores.ts'
import { until } from '../support/until.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const AMOUNT = 12
const MINUTE = { unit: 'requests', period: 'minute', zone: 'UTC', amount: AMOUNT } as const

describeEveryForm('clocks', (get, kind) => {
  const charge = (quotas: readonly Quota[]) => get().store.ledger.charge(quotas, 1, get().newCall())
  const rowOf = ([quota]: readonly Quota[]) => quotaRow(get(), quota?.id ?? 0)
  const newMinute = async () => {
    await get().moveTo(NOON)
    return createKey(get(), { limits: [MINUTE] })
  }

  test('a database’s clock that steps back over several windows neither reopens one nor moves one back', async () => {
    const { quotas } = await newMinute()
    for (const [atMs, admitted, windowEndMs] of [
      [NOON, 1, NOON + MINUTE_MS],
      [NOON + 5 * MINUTE_MS, 1, NOON + 6 * MINUTE_MS],
      [NOON, 2, NOON + 6 * MINUTE_MS],
      [NOON + 2 * MINUTE_MS, 3, NOON + 6 * MINUTE_MS],
      [NOON - DAY_MS, 4, NOON + 6 * MINUTE_MS],
      [NOON + 6 * MINUTE_MS - 1, 5, NOON + 6 * MINUTE_MS],
      [NOON + 6 * MINUTE_MS, 1, NOON + 7 * MINUTE_MS],
    ] as const) {
      await get().moveTo(atMs)
      expect(await charge(quotas)).toMatchObject({
        outcome: 'charged',
        states: [{ resetsAtMs: windowEndMs }],
      })
      expect(await rowOf(quotas)).toMatchObject({
        used: admitted,
        window_start: windowEndMs - MINUTE_MS,
        window_end: windowEndMs,
      })
    }
  })

  test.each(PERIODS.filter((period) => period !== 'total'))(
    'a stored window of a %s that ends far ahead is filled, and told, before any other',
    async (period: Period) => {
      await get().moveTo(NOON)
      const { quotas } = await createKey(get(), { limits: [{ ...MINUTE, period, amount: 3 }] })
      const aheadMs = NOON + 400 * DAY_MS
      await get().write(
        `UPDATE quota SET used = 1, window_start = ${NOON - 7}, window_end = ${aheadMs} WHERE id = ${quotas[0]?.id}`,
      )
      const other = await get().openAgain()
      const load = startLoad(get(), [other], quotas)
      await until(() => load.outcomes('exhausted') > 0)
      await get().moveTo(aheadMs - 1)
      await load.stop()
      expect(load.admitted(aheadMs)).toBe(2)
      expect(load.windowEnds()).toEqual([aheadMs])
      expect(await rowOf(quotas)).toMatchObject({ used: 3, window_start: NOON - 7, window_end: aheadMs })
      await get().moveTo(aheadMs)
      expect(await charge(quotas)).toMatchObject({ outcome: 'charged', states: [{ used: 1 }] })
      expect((await rowOf(quotas)).window_start).toBeGreaterThanOrEqual(aheadMs)
    },
  )

  test.each([
    ['another period', { period: 'hour' }],
    ['another zone', { zone: 'Asia/Kolkata' }],
  ] as const)(
    '%s retires the row under load: its last unit is counted, and the new one begins empty',
    async (_, change) => {
      await get().moveTo(NOON)
      const limit = { ...MINUTE, period: 'day', amount: 1_000_000 } as const
      const { id, digest, quotas } = await createKey(get(), { limits: [limit] })
      const [known] = await get().store.limitBook.listLimits(id)
      const load = startLoad(get(), [await get().openAgain(), await get().openAgain()], quotas)
      await until(() => load.outcomes('charged') >= 30)
      await get().store.limitBook.updateLimit(known?.id ?? 0, { ...change, amount: 2 })
      const retired = await rowOf(quotas)
      expect(retired.usable_until).toBe(0)
      await until(() => load.outcomes('stale') >= 6)
      await load.stop()
      expect(load.outcomes('charged')).toBe(retired.used)
      expect(await rowOf(quotas)).toEqual(retired)

      const renewed = (await lookUp(get(), digest)).quotas
      expect(await rowOf(renewed)).toMatchObject({ used: 0, amount: 2, window_end: 0 })
      // Its first window is that of the database's clock, whatever this process believes.
      if (kind === 'MariaDB') get().moveEstimateTo(NOON - 3 * DAY_MS)
      const outcomes = [await charge(renewed), await charge(renewed), await charge(renewed)]
      expect(outcomes.map(({ outcome }) => outcome)).toEqual(['charged', 'charged', 'exhausted'])
      const { window_start: startMs, window_end: endMs } = await rowOf(renewed)
      expect([startMs <= NOON, endMs > NOON]).toEqual([true, true])
    },
  )
})
