// Budgets that began anew too late, at the wrong instant or never, because a job was to see to it: here nothing has to run.
import { expect, test } from 'vitest'
import type { Quota } from '../../src/quota/quota.ts'
import { chargingOf, countOf } from '../support/charging.ts'
import { createKey, describeEveryForm, NOON, quotaRow } from '../support/stores.ts'

const AMOUNT = 3
const DAY_MS = 86_400_000

const limit = (period: 'minute' | 'day' | 'month', zone = 'UTC') =>
  ({ unit: 'requests', period, zone, amount: AMOUNT }) as const

describeEveryForm('windows of others', (get) => {
  const { chargeTimes, openReplica, usedOf } = chargingOf(get)
  const admitted = async (times: number, quotas: readonly Quota[], store = get().store) =>
    countOf(await chargeTimes(times, store, quotas), 'charged')

  // Budgets stay exhausted until a job finds them, or the process that runs it starts again.
  test('LiteLLM #5651 #7129 #8364 #22013: the first charge of a new day finds a full budget, and the last of the old one none', async () => {
    await get().moveTo(NOON)
    const { quotas } = await createKey(get(), { limits: [limit('day')] })
    const midnight = NOON + DAY_MS / 2
    expect(await admitted(AMOUNT + 2, quotas)).toBe(AMOUNT)
    await get().moveTo(midnight - 1)
    expect(await admitted(1, quotas)).toBe(0)
    await get().moveTo(midnight)
    expect(await admitted(AMOUNT + 2, quotas)).toBe(AMOUNT)
    expect(await usedOf(quotas)).toEqual([AMOUNT])
  })

  // Each replica resets what the others have counted since.
  test('LiteLLM #13202: replicas that meet at the edge turn the window once', async () => {
    await get().moveTo(NOON)
    const { quotas } = await createKey(get(), { limits: [limit('minute')] })
    const replicas = [await openReplica(), await openReplica(), get().store]
    for (const edge of [NOON + 60_000, NOON + 120_000]) {
      await get().moveTo(edge)
      const each = await Promise.all(replicas.map((store) => admitted(AMOUNT, quotas, store)))
      expect(each.reduce((sum, count) => sum + count, 0)).toBe(AMOUNT)
    }
  })

  // A window that nobody used, or that passed while nothing ran, was skipped or carried over.
  test('LiteLLM #24675: after months in which nothing ran the budget is that of one month, which ends with the calendar', async () => {
    await get().moveTo(NOON)
    const { quotas } = await createKey(get(), { limits: [limit('month')] })
    expect(await admitted(1, quotas)).toBe(1)
    await get().moveTo(Date.UTC(2027, 1, 28, 23, 59, 59, 999))
    expect(await admitted(AMOUNT + 2, quotas)).toBe(AMOUNT)
    expect(await quotaRow(get(), quotas[0]?.id ?? 0)).toMatchObject({
      used: AMOUNT,
      window_start: Date.UTC(2027, 1, 1),
      window_end: Date.UTC(2027, 2, 1),
    })
    await get().moveTo(Date.UTC(2027, 2, 1))
    expect(await admitted(AMOUNT + 2, quotas)).toBe(AMOUNT)
  })

  // The day ended at midnight of the server, or a fixed time after the budget was made.
  test('LiteLLM #34270: a day ends at midnight of the zone it was set in, also when the clocks change', async () => {
    await get().moveTo(Date.parse('2027-03-27T22:59:59.999Z'))
    const { quotas } = await createKey(get(), { limits: [limit('day', 'Europe/Berlin')] })
    expect(await admitted(AMOUNT + 2, quotas)).toBe(AMOUNT)
    await get().moveTo(Date.parse('2027-03-27T23:00:00.000Z'))
    expect(await admitted(AMOUNT + 2, quotas)).toBe(AMOUNT)
    // This day has 23 hours.
    await get().moveTo(Date.parse('2027-03-28T21:59:59.999Z'))
    expect(await admitted(1, quotas)).toBe(0)
    await get().moveTo(Date.parse('2027-03-28T22:00:00.000Z'))
    expect(await admitted(AMOUNT + 2, quotas)).toBe(AMOUNT)
  })
})
