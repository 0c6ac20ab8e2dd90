// Windows under load: each is exactly full, none is over, none moves back, and each instant belongs to one of them.
import { afterAll, expect, test } from 'vitest'
import type { Period, Quota } from '../../src/quota/quota.ts'
import type { Window } from '../../src/quota/window.ts'
import { currentWindow } from '../../src/quota/window.ts'
import type { Store } from '../../src/store/store.ts'
import { recordFigure } from '../support/figures.ts'
import { startLoad } from '../support/quota-load.ts'
import { createKey, describeEveryForm, quotaRow } from '../support/stores.ts'
import { until } from '../support/until.ts'

const AMOUNT = 5

/** Windows in a row around an instant at which one ends: the last before it and two after. */
const windowsAround = (period: Period, zone: string, edgeMs: number): readonly [Window, Window, Window] => {
  const first = currentWindow(period, zone, edgeMs - 1)
  const second = currentWindow(period, zone, first.endMs)
  return [first, second, currentWindow(period, zone, second.endMs)]
}

const EDGES: readonly (readonly [Period, string, string])[] = [
  ['minute', 'UTC', '2027-01-01T00:00:00Z'],
  ['hour', 'UTC', '2027-01-01T00:00:00Z'],
  ['hour', 'Asia/Kathmandu', '2026-11-21T12:15:00Z'],
  ['day', 'UTC', '2027-01-01T00:00:00Z'],
  ['week', 'UTC', '2026-12-28T00:00:00Z'],
  ['month', 'UTC', '2027-01-01T00:00:00Z'],
  // The leap day.
  ['day', 'UTC', '2028-02-29T00:00:00Z'],
  ['day', 'Asia/Tokyo', '2028-02-28T15:00:00Z'],
  ['month', 'UTC', '2028-03-01T00:00:00Z'],
  // Both changes of the clocks, in three zones: hours on both sides of it, and the day that it makes shorter or longer.
  ['hour', 'America/New_York', '2026-03-08T07:00:00Z'],
  ['day', 'America/New_York', '2026-03-08T05:00:00Z'],
  ['hour', 'America/New_York', '2026-11-01T06:00:00Z'],
  ['day', 'America/New_York', '2026-11-01T04:00:00Z'],
  ['hour', 'Europe/Berlin', '2026-03-29T01:00:00Z'],
  ['day', 'Europe/Berlin', '2026-03-28T23:00:00Z'],
  ['week', 'Europe/Berlin', '2026-03-29T22:00:00Z'],
  ['hour', 'Europe/Berlin', '2026-10-25T01:00:00Z'],
  ['day', 'Europe/Berlin', '2026-10-24T22:00:00Z'],
  ['month', 'Europe/Berlin', '2026-10-31T23:00:00Z'],
  ['hour', 'Australia/Lord_Howe', '2026-10-03T15:30:00Z'],
  ['day', 'Australia/Lord_Howe', '2026-10-03T13:30:00Z'],
  ['hour', 'Australia/Lord_Howe', '2026-04-04T15:00:00Z'],
  ['day', 'Australia/Lord_Howe', '2026-04-04T13:00:00Z'],
]

describeEveryForm('windows', (get, kind, form) => {
  let full = 0
  afterAll(() =>
    recordFigure({
      name: `windows in a row over ${EDGES.length} edges that were exactly full, ${kind}, ${form}`,
      value: `${full} of ${EDGES.length * 3}`,
    }),
  )

  const chargeTimes = async (times: number, stores: readonly Store[], quotas: readonly Quota[]) => {
    const charges = Array.from({ length: times }, (_, n) => stores[n % stores.length]).map(async (store) =>
      store?.ledger.charge(quotas, 1, get().newCall()),
    )
    const outcomes = await Promise.all(charges)
    return outcomes.filter((one) => one?.outcome === 'charged').length
  }

  test.each(EDGES)(
    '%s in %s, over %s: the last instant belongs to the old window, the next to the new',
    async (period, zone, edge) => {
      const edgeMs = Date.parse(edge)
      const windows = windowsAround(period, zone, edgeMs)
      expect(windows[0].endMs).toBe(edgeMs)
      await get().moveTo(windows[0].startMs)
      const { quotas } = await createKey(get(), {
        limits: [{ unit: 'requests', period, zone, amount: AMOUNT }],
      })
      const other = await get().openAgain()
      try {
        for (const { startMs, endMs } of windows) {
          const admitted: number[] = []
          for (const [atMs, times] of [
            [startMs, 2],
            [Math.floor((startMs + endMs) / 2), 1],
            [endMs - 1, 9],
          ] as const) {
            await get().moveTo(atMs)
            admitted.push(await chargeTimes(times, [get().store, other], quotas))
          }
          expect(admitted).toEqual([2, 1, AMOUNT - 3])
          expect(await quotaRow(get(), quotas[0]?.id ?? 0)).toMatchObject({
            used: AMOUNT,
            window_start: startMs,
            window_end: endMs,
          })
          full += 1
        }
      } finally {
        await other.close()
      }
    },
  )

  test.each([
    ['minute', 'UTC', '2027-01-01T00:00:00Z'],
    ['hour', 'Australia/Lord_Howe', '2026-10-03T15:30:00Z'],
    ['day', 'Europe/Berlin', '2026-10-24T22:00:00Z'],
  ] as const)(
    '%s in %s, over %s, charged without a pause: no window is over, each ends full',
    async (period, zone, edge) => {
      const windows = windowsAround(period, zone, Date.parse(edge))
      await get().moveTo(windows[0].startMs)
      const { quotas } = await createKey(get(), { limits: [{ unit: 'requests', period, zone, amount: 20 }] })
      const replicas = [await get().openAgain(), await get().openAgain(), await get().openAgain()]
      const load = startLoad(get(), replicas, quotas)
      try {
        for (const { startMs, endMs } of windows) {
          await get().moveTo(startMs)
          await get().moveTo(endMs - 1)
          await until(() => load.admitted(endMs) >= 20)
          expect(await quotaRow(get(), quotas[0]?.id ?? 0)).toMatchObject({ used: 20, window_end: endMs })
        }
      } finally {
        await load.stop()
      }
      expect(windows.map(({ endMs }) => load.admitted(endMs))).toEqual([20, 20, 20])
      expect(load.windowEnds()).toEqual(windows.map(({ endMs }) => endMs))
    },
  )
})
