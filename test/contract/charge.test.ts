// What a charge promises, on every store.
import { expect, test } from 'vitest'
import type { Quota } from '../../src/quota/quota.ts'
import { FOREVER } from '../../src/quota/quota.ts'
import type { ChargeOutcome } from '../../src/quota/quota-ledger.ts'
import { createKey, describeEveryStore, lookUp, NOON, quotaRow } from '../support/stores.ts'

const DAY = { unit: 'requests', period: 'day', zone: 'UTC', amount: 10 } as const
const MONTH = { unit: 'requests', period: 'month', zone: 'UTC', amount: 3 } as const
const TOTAL = { unit: 'requests', period: 'total', zone: 'UTC', amount: 3 } as const
const MINUTE_MS = 60_000
const MIDNIGHT = Date.UTC(2026, 10, 22)

const remainingOf = (outcome: ChargeOutcome): readonly number[] =>
  outcome.outcome === 'stale' ? [] : outcome.states.map(({ remaining }) => remaining)

describeEveryStore('charge', (get) => {
  const charge = (quotas: readonly Quota[], units = 1, call = get().newCall()) =>
    get().store.ledger.charge(quotas, units, call)

  test('a charge tells amount, used, remaining and the reset of every quota, in the order asked', async () => {
    const { quotas } = await createKey(get(), { limits: [DAY, MONTH] })
    const asked = quotas.toReversed()
    const outcome = await charge(asked, 2)
    expect(outcome).toEqual({
      outcome: 'charged',
      states: [
        { quota: asked[0], amount: 3, used: 2, remaining: 1, resetsAtMs: Date.UTC(2026, 11, 1) },
        { quota: asked[1], amount: 10, used: 2, remaining: 8, resetsAtMs: MIDNIGHT },
      ],
    })
  })

  test('a charge counts as one write, and a refusal by what was just read costs nothing', async () => {
    const { quotas } = await createKey(get(), { limits: [{ ...DAY, amount: 1 }] })
    const call = get().newCall()
    await charge(quotas, 1, call)
    expect([call.storeWrites, call.storeReads]).toEqual([1, 0])
    const refused = get().newCall()
    await charge(quotas, 1, refused)
    expect([refused.storeWrites, refused.storeReads]).toEqual([0, 0])
  })

  test('a refusal by one quota leaves all of them as they were, and tells the state of each', async () => {
    const { quotas } = await createKey(get(), { limits: [DAY, MONTH, TOTAL] })
    await charge(quotas, 3)
    const before = await Promise.all(quotas.map(({ id }) => quotaRow(get(), id)))
    const outcome = await charge(quotas)
    expect(outcome.outcome).toBe('exhausted')
    expect(remainingOf(outcome)).toEqual([7, 0, 0])
    expect(await Promise.all(quotas.map(({ id }) => quotaRow(get(), id)))).toEqual(before)
  })

  test('more units than remain are refused whole', async () => {
    const { quotas } = await createKey(get(), { limits: [DAY] })
    await charge(quotas, 8)
    expect(remainingOf(await charge(quotas, 3))).toEqual([2])
    expect(remainingOf(await charge(quotas, 2))).toEqual([0])
  })

  test('amount 0 admits nothing, amount 1 one unit, and 2^53 - 1 counts exactly at its end', async () => {
    const nothing = await createKey(get(), { limits: [{ ...TOTAL, amount: 0 }] })
    expect((await charge(nothing.quotas)).outcome).toBe('exhausted')
    const one = await createKey(get(), { limits: [{ ...TOTAL, amount: 1 }] })
    expect((await charge(one.quotas)).outcome).toBe('charged')
    expect((await charge(one.quotas)).outcome).toBe('exhausted')
    const most = await createKey(get(), { limits: [{ ...TOTAL, amount: FOREVER }] })
    expect(remainingOf(await charge(most.quotas, FOREVER - 1))).toEqual([1])
    expect(await charge(most.quotas, FOREVER)).toMatchObject({ outcome: 'exhausted' })
    expect(remainingOf(await charge(most.quotas, 1))).toEqual([0])
    expect(remainingOf(await charge(most.quotas, 1))).toEqual([0])
    expect(await quotaRow(get(), most.quotas[0]?.id ?? 0)).toMatchObject({ used: FOREVER, amount: FOREVER })
  })

  test('the row every key is born with is charged without a limit and never resets', async () => {
    const { key } = await createKey(get())
    expect(await charge([key.usabilityQuota])).toEqual({
      outcome: 'charged',
      states: [
        {
          quota: key.usabilityQuota,
          amount: FOREVER,
          used: 1,
          remaining: FOREVER - 1,
          resetsAtMs: undefined,
        },
      ],
    })
  })

  test('a window turns inside the charge, at its edge and not a millisecond before', async () => {
    const { quotas } = await createKey(get(), { limits: [{ ...DAY, period: 'minute', amount: 2 }] })
    await charge(quotas, 2)
    await get().moveTo(NOON + MINUTE_MS - 1)
    expect((await charge(quotas)).outcome).toBe('exhausted')
    await get().moveTo(NOON + MINUTE_MS)
    expect(remainingOf(await charge(quotas))).toEqual([1])
    expect(await quotaRow(get(), quotas[0]?.id ?? 0)).toMatchObject({
      used: 1,
      window_start: NOON + MINUTE_MS,
      window_end: NOON + 2 * MINUTE_MS,
    })
    await get().moveTo(NOON)
  })

  test('a window that nobody charged is skipped, and a total never turns', async () => {
    const { quotas } = await createKey(get(), { limits: [DAY, TOTAL] })
    await charge(quotas, 2)
    await get().moveTo(MIDNIGHT + 5 * 86_400_000)
    expect(remainingOf(await charge(quotas))).toEqual([9, 0])
    await get().moveTo(NOON)
  })

  test('days turn at midnight of the zone of the limit', async () => {
    const { quotas } = await createKey(get(), { limits: [{ ...DAY, zone: 'Asia/Tokyo', amount: 1 }] })
    const midnightInTokyo = Date.UTC(2026, 10, 21, 15)
    await get().moveTo(midnightInTokyo - 1)
    expect(await charge(quotas)).toMatchObject({
      outcome: 'charged',
      states: [{ resetsAtMs: midnightInTokyo }],
    })
    expect((await charge(quotas)).outcome).toBe('exhausted')
    await get().moveTo(midnightInTokyo)
    expect((await charge(quotas)).outcome).toBe('charged')
    await get().moveTo(NOON)
  })

  test('a clock that steps back neither opens a spent window again nor closes an open one', async () => {
    const { quotas } = await createKey(get(), { limits: [{ ...DAY, period: 'minute', amount: 2 }] })
    await get().moveTo(NOON + MINUTE_MS)
    await charge(quotas, 1)
    await get().moveTo(NOON + MINUTE_MS - 500)
    expect(await charge(quotas)).toMatchObject({ outcome: 'charged', states: [{ remaining: 0 }] })
    expect(await charge(quotas)).toMatchObject({
      outcome: 'exhausted',
      states: [{ resetsAtMs: NOON + 2 * MINUTE_MS }],
    })
    await get().moveTo(NOON)
  })

  test('windows never overlap: after one that ended out of step the next begins at its end', async () => {
    const { quotas } = await createKey(get(), { limits: [{ ...DAY, period: 'minute' }] })
    const id = quotas[0]?.id ?? 0
    await get().write(
      `UPDATE quota SET window_start = ${NOON - 1_000}, window_end = ${NOON + 10_000} WHERE id = ${id}`,
    )
    await get().moveTo(NOON + 30_000)
    await charge(quotas)
    expect(await quotaRow(get(), id)).toMatchObject({
      window_start: NOON + 10_000,
      window_end: NOON + MINUTE_MS,
      used: 1,
    })
    await get().moveTo(NOON)
  })

  test('a limit made just before the clock steps back counts on, total included', async () => {
    const { quotas } = await createKey(get(), { limits: [DAY, TOTAL] })
    await get().moveTo(NOON - 500)
    await charge(quotas)
    await get().moveTo(NOON + 1)
    expect(remainingOf(await charge(quotas))).toEqual([8, 1])
    await get().moveTo(NOON)
  })

  test('an amount lowered below what is used refuses, and raised again admits the difference', async () => {
    const { id, quotas } = await createKey(get(), { limits: [DAY] })
    await charge(quotas, 6)
    const [limit] = await get().store.limitBook.listLimits(id)
    await get().store.limitBook.updateLimit(limit?.id ?? 0, { amount: 4 })
    expect(await charge(quotas)).toMatchObject({
      outcome: 'exhausted',
      states: [{ amount: 4, used: 6, remaining: 0 }],
    })
    await get().store.limitBook.updateLimit(limit?.id ?? 0, { amount: 7 })
    expect((await charge(quotas)).outcome).toBe('charged')
    expect((await charge(quotas)).outcome).toBe('exhausted')
  })

  test('a row of a limit that was deleted or moved to another period is stale, and charges nothing beside it', async () => {
    const { id, digest, quotas } = await createKey(get(), { limits: [DAY, TOTAL] })
    await charge(quotas, 1)
    const limits = await get().store.limitBook.listLimits(id)
    await get().store.limitBook.updateLimit(limits[0]?.id ?? 0, { period: 'hour' })
    expect(await charge(quotas)).toEqual({ outcome: 'stale' })
    expect(await quotaRow(get(), quotas[1]?.id ?? 0)).toMatchObject({ used: 1 })
    const moved = (await lookUp(get(), digest)).quotas
    expect(moved.map(({ period }) => period).toSorted()).toEqual(['hour', 'total'])
    await get().store.limitBook.deleteLimit(limits[1]?.id ?? 0)
    expect(await charge(moved)).toEqual({ outcome: 'stale' })
    const left = (await lookUp(get(), digest)).quotas
    expect(await charge(left)).toMatchObject({ outcome: 'charged', states: [{ used: 1 }] })
  })

  test('a row that never was is stale', async () => {
    const { key } = await createKey(get())
    expect(await charge([{ ...key.usabilityQuota, id: 999_999_999 }])).toEqual({ outcome: 'stale' })
    expect(await charge([key.usabilityQuota, { ...key.usabilityQuota, id: 999_999_999 }])).toEqual({
      outcome: 'stale',
    })
    expect(await quotaRow(get(), key.usabilityQuota.id)).toMatchObject({ used: 0 })
  })

  test('whoever left or is late before the charge was sent is not charged', async () => {
    const { quotas } = await createKey(get(), { limits: [DAY, TOTAL] })
    const gone = get().newCall()
    gone.cancelled = true
    await expect(charge(quotas, 1, gone)).rejects.toMatchObject({
      reason: 'deadline_exceeded',
      chargeUnknown: false,
    })
    await expect(charge(quotas, 1, get().newCall(0))).rejects.toMatchObject({ reason: 'deadline_exceeded' })
    expect(await quotaRow(get(), quotas[0]?.id ?? 0)).toMatchObject({ used: 0 })
    expect(gone.storeWrites).toBe(0)
  })

  test('units that are not a positive whole number, no quota, or one twice are mistakes of the caller', async () => {
    const { quotas } = await createKey(get(), { limits: [DAY] })
    for (const units of [0, -1, 1.5, Number.NaN, 2 ** 53])
      await expect(charge(quotas, units)).rejects.toThrow(RangeError)
    await expect(charge([])).rejects.toThrow(RangeError)
    await expect(charge([...quotas, ...quotas])).rejects.toThrow(RangeError)
  })

  test('peeking tells the states, charges nothing, and leaves out what is gone', async () => {
    const { quotas } = await createKey(get(), { limits: [DAY, MONTH] })
    await charge(quotas, 1)
    const call = get().newCall()
    const gone = quotas.map((quota) => ({ ...quota, id: 999_999_999 })).slice(0, 1)
    const states = await get().store.ledger.peek([...gone, ...quotas], call)
    expect(states.map(({ used, remaining }) => [used, remaining])).toEqual([
      [1, 9],
      [1, 2],
    ])
    expect([call.storeReads, call.storeWrites]).toEqual([1, 0])
    await get().moveTo(MIDNIGHT)
    const [day] = await get().store.ledger.peek(quotas, get().newCall())
    expect(day).toMatchObject({ used: 0, remaining: 10, resetsAtMs: MIDNIGHT + 86_400_000 })
    await get().moveTo(NOON)
  })
})
