// Replicas whose clocks are wrong, and charges that wait for a row over the edge of a window: each counts in the right one.
import { describe, expect, test } from 'vitest'
import type { Quota } from '../../src/quota/quota.ts'
import type { Store } from '../../src/store/store.ts'
import { chargesInFlight, holdRows } from '../support/held-rows.ts'
import { runOnMariadb } from '../support/mariadb.ts'
import { startLoad } from '../support/quota-load.ts'
import type { TestStore } from '../support/stores.ts'
import { createKey, describeMariadbForms, NOON, quotaRow } from '../support/stores.ts'
import { until } from '../support/until.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const AMOUNT = 12
const MINUTE = { unit: 'requests', period: 'minute', zone: 'UTC', amount: AMOUNT } as const

/** A replica whose estimate of the database's time is wrong by so much, and stays so. */
const openAstray = ({ clock, openAgain }: TestStore, offsetMs: number): Promise<Store> =>
  openAgain({}, { clock: { ...clock, now: () => clock.now() + offsetMs, observe: () => {} } })

describeMariadbForms('clocks of replicas', (get) => {
  const charge = (quotas: readonly Quota[], { ledger } = get().store) =>
    ledger.charge(quotas, 1, get().newCall())
  const rowOf = ([quota]: readonly Quota[]) => quotaRow(get(), quota?.id ?? 0)
  const newMinute = async () => {
    await get().moveTo(NOON)
    return createKey(get(), { limits: [MINUTE] })
  }

  describe('of replicas, 5 s off', () => {
    test('windows are full and none is over, whoever charges on which side of the edge', async () => {
      const { quotas } = await newMinute()
      const ends = [1, 2, 3].map((n) => NOON + n * MINUTE_MS)
      const replicas = await Promise.all([-5_000, 0, 5_000].map((offsetMs) => openAstray(get(), offsetMs)))
      const load = startLoad(get(), replicas, quotas)
      try {
        for (const endMs of ends) {
          for (const byMs of [-MINUTE_MS, 1 - MINUTE_MS, 4_000 - MINUTE_MS, -6_000, -4_000, -1])
            await get().moveTo(endMs + byMs)
          await until(() => load.admitted(endMs) >= AMOUNT)
          expect(await rowOf(quotas)).toMatchObject({ used: AMOUNT, window_end: endMs })
        }
      } finally {
        await load.stop()
      }
      expect(ends.map(load.admitted)).toEqual([AMOUNT, AMOUNT, AMOUNT])
      expect(load.windowEnds()).toEqual(ends)
    })

    test.each([-5_000, 5_000, -DAY_MS, DAY_MS])(
      'one that is off by %d ms charges the window in which the database is',
      async (offsetMs) => {
        const { quotas } = await newMinute()
        const astray = await openAstray(get(), offsetMs)
        for (const atMs of [NOON, NOON + MINUTE_MS - 1, NOON + MINUTE_MS, NOON + 2 * MINUTE_MS + 30_000]) {
          await get().moveTo(atMs)
          const endMs = Math.floor(atMs / MINUTE_MS) * MINUTE_MS + MINUTE_MS
          expect(await charge(quotas, astray)).toMatchObject({
            outcome: 'charged',
            states: [{ resetsAtMs: endMs }],
          })
          expect((await rowOf(quotas)).window_end).toBe(endMs)
        }
        await astray.close()
      },
    )

    test('one that is behind finds out in a second that the window turned which it had seen full', async () => {
      const { quotas } = await newMinute()
      const behind = await openAstray(get(), -5_000)
      const load = startLoad(get(), [behind], quotas)
      await until(() => load.outcomes('exhausted') > 0)
      await get().moveTo(NOON + MINUTE_MS)
      await until(() => load.admitted(NOON + 2 * MINUTE_MS) === AMOUNT)
      await load.stop()
      expect(load.windowEnds()).toEqual([NOON + MINUTE_MS, NOON + 2 * MINUTE_MS])
    })
  })

  describe('behind a lock, over the edge', () => {
    const EDGE = NOON + MINUTE_MS
    const isWaiting = async () => (await chargesInFlight(runOnMariadb, get().url)).length > 0

    test('a charge that began before counts in the window it named, as long as nobody has turned it', async () => {
      const { quotas } = await newMinute()
      await charge(quotas)
      await get().moveTo(EDGE - 1)
      const held = await holdRows(get().url, quotas)
      const waiting = charge(quotas)
      await until(isWaiting)
      const moving = get().moveTo(EDGE + 1)
      await held.letGo()
      expect(await waiting).toMatchObject({ outcome: 'charged', states: [{ used: 2, resetsAtMs: EDGE }] })
      await moving
      expect(await rowOf(quotas)).toMatchObject({ used: 2, window_end: EDGE })
      expect(await charge(quotas)).toMatchObject({ states: [{ used: 1, resetsAtMs: EDGE + MINUTE_MS }] })
    })

    test('one whose window was turned meanwhile is charged to the new one alone', async () => {
      const { quotas } = await newMinute()
      await charge(quotas)
      await get().moveTo(EDGE - 1)
      const held = await holdRows(get().url, quotas)
      const waiting = charge(quotas)
      await until(isWaiting)
      const moving = get().moveTo(EDGE + 1)
      await held.run(
        `UPDATE quota SET used = 7, window_start = ${EDGE}, window_end = ${EDGE + MINUTE_MS} WHERE id = ${quotas[0]?.id}`,
      )
      await held.letGo()
      expect(await waiting).toMatchObject({
        outcome: 'charged',
        states: [{ used: 8, resetsAtMs: EDGE + MINUTE_MS }],
      })
      await moving
      expect(await rowOf(quotas)).toMatchObject({ used: 8, window_start: EDGE, window_end: EDGE + MINUTE_MS })
    })

    test('one that began after it with the old window named is refused, and charged to the new', async () => {
      const { quotas } = await newMinute()
      await charge(quotas)
      await get().moveTo(EDGE)
      get().moveEstimateTo(EDGE - 1)
      const call = get().newCall()
      expect(await get().store.ledger.charge(quotas, 1, call)).toMatchObject({
        outcome: 'charged',
        states: [{ used: 1, resetsAtMs: EDGE + MINUTE_MS }],
      })
      expect(call.storeWrites).toBe(2)
      expect(await rowOf(quotas)).toMatchObject({ used: 1, window_start: EDGE, window_end: EDGE + MINUTE_MS })
    })
  })
})
