// Races and leaks of quotas that others had to report, by name: none of them can happen here.
import { expect, test } from 'vitest'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { Quota } from '../../src/quota/quota.ts'
import type { Store } from '../../src/store/store.ts'
import { chargingOf, countOf } from '../support/charging.ts'
import { createKey, describeEveryForm } from '../support/stores.ts'

const MINUTE = { unit: 'requests', period: 'minute', zone: 'UTC', amount: 100 } as const
const DAY = { ...MINUTE, period: 'day' } as const

describeEveryForm('incidents of others', (get) => {
  const { chargeTimes, openReplica, usedOf } = chargingOf(get)
  /** As many from each, at once. */
  const chargeFromAll = async (
    stores: readonly Store[],
    times: number,
    quotas: readonly Quota[],
    units = 1,
  ) => (await Promise.all(stores.map((store) => chargeTimes(times, store, quotas, units)))).flat()

  // Each descriptor of a request is counted up, and refused afterwards: https://github.com/envoyproxy/ratelimit/issues/185
  test('envoyproxy/ratelimit #185, #1060: refused calls of one key do not use up what it shares with others', async () => {
    await get().store.ownerBook.createOwner('shared', NO_RULES)
    await get().store.limitBook.createLimit('shared', { ...DAY, amount: 20 })
    const loud = await createKey(get(), { ownerPath: 'shared', limits: [{ ...MINUTE, amount: 5 }] })
    const quiet = await createKey(get(), { ownerPath: 'shared' })
    const stores = [get().store, await openReplica()]
    const outcomes = await chargeFromAll(stores, 50, loud.quotas)
    expect(countOf(outcomes, 'charged')).toBe(5)
    expect(await usedOf(loud.quotas)).toEqual([5, 5])
    expect(countOf(await chargeFromAll(stores, 10, quiet.quotas), 'charged')).toBe(15)
  })

  // Counters are checked one after the other, and counted up one after the other.
  test('limitador, stacked limits: calls at once neither pass one of the limits nor leave another charged', async () => {
    await get().store.ownerBook.createOwner('stacked/team', NO_RULES, { withParents: true })
    await get().store.limitBook.createLimit('stacked', DAY)
    await get().store.limitBook.createLimit('stacked/team', { ...DAY, amount: 7 })
    const { quotas } = await createKey(get(), {
      ownerPath: 'stacked/team',
      limits: [{ ...MINUTE, amount: 10 }],
    })
    const stores = [get().store, await openReplica()]
    const outcomes = await chargeFromAll(stores, 32, quotas)
    expect(countOf(outcomes, 'charged')).toBe(7)
    expect(countOf(outcomes, 'exhausted')).toBe(57)
    expect(await usedOf(quotas)).toEqual([7, 7, 7])
  })

  // 544 of 1,022 requests passed a limit of 100 a minute: https://github.com/BerriAI/litellm/issues/6938
  test('LiteLLM #6938: of 1,022 calls at once a limit of 100 admits 100', async () => {
    const { quotas } = await createKey(get(), { limits: [MINUTE] })
    const stores = [get().store, await openReplica()]
    expect(countOf(await chargeFromAll(stores, 511, quotas), 'charged')).toBe(100)
    expect(await usedOf(quotas)).toEqual([100])
  })

  // The first requests of somebody unknown pass before the budget exists: https://github.com/BerriAI/litellm/issues/40095
  test('LiteLLM #40095: the very first calls of a key are held to its limit as all others are', async () => {
    const stores = [await openReplica(), await openReplica()]
    const { quotas } = await createKey(get(), { limits: [{ ...DAY, amount: 1 }] })
    expect(countOf(await chargeFromAll(stores, 4, quotas), 'charged')).toBe(1)
  })

  // Counters are each replica's own: https://github.com/maximhq/bifrost/issues/3547
  test('Bifrost #3547: four replicas admit what one does, and one that starts anew does not begin at nothing', async () => {
    const { quotas } = await createKey(get(), { limits: [{ ...DAY, amount: 25 }] })
    const replicas = await Promise.all([openReplica(), openReplica(), openReplica(), openReplica()])
    expect(countOf(await chargeFromAll(replicas, 5, quotas), 'charged')).toBe(20)
    expect(countOf(await chargeFromAll([await openReplica()], 25, quotas), 'charged')).toBe(5)
    expect(countOf(await chargeFromAll(replicas, 5, quotas), 'exhausted')).toBe(20)
    expect(await usedOf(quotas)).toEqual([25])
  })

  // What remains is read, compared and written back.
  test('unkey, credits: whoever reads the same remainder as somebody else does not spend it again', async () => {
    const stores = [get().store, await openReplica()]
    const last = await createKey(get(), { limits: [{ ...DAY, amount: 1 }] })
    expect(countOf(await chargeFromAll(stores, 25, last.quotas), 'charged')).toBe(1)
    const five = await createKey(get(), { limits: [{ ...DAY, amount: 5 }] })
    const outcomes = await chargeFromAll(stores, 5, five.quotas, 3)
    expect(countOf(outcomes, 'charged')).toBe(1)
    expect(await usedOf(five.quotas)).toEqual([3])
    expect(countOf(await chargeFromAll(stores, 2, five.quotas), 'charged')).toBe(2)
  })
})
