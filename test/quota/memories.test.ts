// A retried Check is charged once, a blocked caller is remembered for a second, and no unit gets lost unseen.
import { describe, expect, test } from 'vitest'
import { Failure } from '../../src/kernel/failure.ts'
import { digestSecret } from '../../src/keys/secret.ts'
import type { ChargeOutcome } from '../../src/quota/quota-ledger.ts'
import { createRefusalMemory } from '../../src/quota/refusal-memory.ts'
import { createRetryMemory } from '../../src/quota/retry-memory.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { aQuota, aState } from '../support/virtual-keys.ts'

const CHARGED: ChargeOutcome = { outcome: 'charged', states: [aState()] }
const RECALLED = [aState({ used: 7 })]

const retrySetUp = (maxEntries = 100) => {
  const clock = createManualClock()
  let charges = 0
  let wasted = 0
  const retries = createRetryMemory({
    clock,
    horizonMs: 15_000,
    maxEntries,
    onWasted: () => {
      wasted += 1
    },
  })
  const charge = async (): Promise<ChargeOutcome> => {
    charges += 1
    return CHARGED
  }
  const recall = async () => RECALLED
  const ask = (identity: string | undefined) => retries.charge(identity, charge, recall)
  return { clock, retries, ask, charge, recall, charges: () => charges, wasted: () => wasted }
}

describe('the memory of retries', () => {
  test('tries of one request share one charge, in flight and after it', async () => {
    const { ask, charges } = retrySetUp()
    await Promise.all([ask('request'), ask('request')])
    await ask('request')
    expect(charges()).toBe(1)
  })

  test('a try whose units are in use is charged nothing, and told the states as they are now, if they can be had', async () => {
    const { retries, ask, charge, charges } = retrySetUp()
    const { claim } = await ask('request')
    claim()
    expect((await ask('request')).outcome).toEqual({ outcome: 'charged', states: RECALLED })
    const unreachable = () => Promise.reject(new Failure('store_unavailable', 'down'))
    const again = await retries.charge('request', charge, unreachable)
    expect(again.outcome).toEqual({ outcome: 'charged', states: [] })
    expect(charges()).toBe(1)
  })

  test('units in use are remembered for the horizon and not for much longer, and for at most maxEntries requests', async () => {
    const { clock, ask, charges } = retrySetUp(10)
    const use = async (identity: string) => (await ask(identity)).claim()
    await use('request')
    clock.advance(14_999)
    await use('request')
    expect(charges()).toBe(1)
    clock.advance(30_000)
    await use('another')
    clock.advance(15_000)
    await use('request')
    expect(charges()).toBe(3)
    for (let n = 0; n < 20; n += 1) await use(`request ${n}`)
    await use('request')
    expect(charges()).toBe(24)
  })

  test('other requests, and those without an identity, are charged each', async () => {
    const { ask, charges } = retrySetUp()
    for (const identity of ['a', 'b', undefined, undefined]) await ask(identity)
    expect(charges()).toBe(4)
  })

  test('after the horizon the same identity is charged anew', async () => {
    const { clock, ask, charges } = retrySetUp()
    await ask('request')
    clock.advance(14_999)
    await ask('request')
    expect(charges()).toBe(1)
    clock.advance(1)
    await ask('request')
    expect(charges()).toBe(2)
  })

  test('a try that dies of its own deadline leaves the next one to charge by itself, and only one of them', async () => {
    const { retries, ask, charges, recall } = retrySetUp()
    const first = Promise.withResolvers<ChargeOutcome>()
    const dying = retries.charge('request', () => first.promise, recall)
    const joiners = [ask('request'), ask('request')]
    first.reject(new Failure('deadline_exceeded', 'late'))
    await expect(dying).rejects.toThrow('late')
    for (const { outcome } of await Promise.all(joiners)) expect(outcome).toBe(CHARGED)
    expect(charges()).toBe(1)
  })

  test('a key found out of date is not remembered', async () => {
    const { retries, ask, charges, recall } = retrySetUp()
    await retries.charge('request', async () => ({ outcome: 'stale' }), recall)
    await ask('request')
    expect(charges()).toBe(1)
  })

  test('a unit nobody claims within the horizon is counted as wasted, once; a claimed one never', async () => {
    const { clock, retries, ask, wasted } = retrySetUp()
    await ask('left')
    const { claim } = await ask('used')
    claim()
    retries.sweep()
    expect(wasted()).toBe(0)
    clock.advance(15_000)
    retries.sweep()
    retries.sweep()
    expect(wasted()).toBe(1)
  })

  test('a unit that is charged only after its request was forgotten is counted as wasted', async () => {
    const { clock, retries, recall, wasted } = retrySetUp()
    const slow = Promise.withResolvers<ChargeOutcome>()
    const asked = retries.charge('left', () => slow.promise, recall)
    clock.advance(15_000)
    retries.sweep()
    expect(wasted()).toBe(0)
    slow.resolve(CHARGED)
    await asked
    expect(wasted()).toBe(1)
  })

  test('it holds at most maxEntries and counts what it forgets early', async () => {
    const { ask, wasted } = retrySetUp(10)
    for (let n = 0; n < 30; n += 1) await ask(`request ${n}`)
    expect(wasted()).toBe(20)
  })
})

describe('the memory of refusals', () => {
  const digest = digestSecret('one')
  const setUp = () => {
    const clock = createManualClock()
    return { clock, refusals: createRefusalMemory<string>({ clock, maxEntries: 10 }) }
  }
  const exhausted = (resetsInMs: number, nowMs: number) => [
    aState({ remaining: 0, resetsAtMs: nowMs + resetsInMs }),
  ]

  test('a refusal is recalled for a second and no longer', () => {
    const { clock, refusals } = setUp()
    refusals.remember(digest, { subject: 'me', limits: exhausted(60_000, clock.now()) }, 1)
    clock.advance(999)
    expect(refusals.recall(digest)?.subject).toBe('me')
    clock.advance(2)
    expect(refusals.recall(digest)).toBeUndefined()
  })

  test('a refusal ends when the first exhausted window turns', () => {
    const { clock, refusals } = setUp()
    const limits = [
      ...exhausted(60_000, clock.now()),
      ...exhausted(300, clock.now()),
      aState({ quota: aQuota({ id: 3 }) }),
    ]
    refusals.remember(digest, { subject: 'me', limits }, 1)
    clock.advance(299)
    expect(refusals.recall(digest)).toBeDefined()
    clock.advance(2)
    expect(refusals.recall(digest)).toBeUndefined()
  })

  test('a window that has turned already is not remembered at all', () => {
    const { clock, refusals } = setUp()
    refusals.remember(digest, { subject: 'me', limits: exhausted(0, clock.now()) }, 1)
    expect(refusals.recall(digest)).toBeUndefined()
  })

  test('an exhausted total, which never resets, is remembered too, and a change clears all', () => {
    const { refusals } = setUp()
    refusals.remember(digest, { subject: 'me', limits: [aState({ remaining: 0, resetsAtMs: undefined })] }, 1)
    expect(refusals.recall(digest)).toBeDefined()
    refusals.clear()
    expect(refusals.recall(digest)).toBeUndefined()
  })
})
