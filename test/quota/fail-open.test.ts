// Requests that pass while no charge can be made: few, counted, and charged once, later.
import { describe, expect, test } from 'vitest'
import { Failure } from '../../src/kernel/failure.ts'
import { createFailOpen } from '../../src/quota/fail-open.ts'
import type { ChargeOutcome } from '../../src/quota/quota-ledger.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { aQuota, aState } from '../support/virtual-keys.ts'

const CHARGED: ChargeOutcome = { outcome: 'charged', states: [] }
const down = (chargeUnknown = false) => new Failure('store_unavailable', 'down', { chargeUnknown })

const setUp = (burst = 3) => {
  const asked: number[] = []
  const told = { admitted: 0, charged: 0, uncharged: 0 }
  let answer: (units: number) => ChargeOutcome | Error = () => CHARGED
  const failOpen = createFailOpen({
    ledger: {
      charge: async (_quotas, units) => {
        asked.push(units)
        const outcome = answer(units)
        if (outcome instanceof Error) throw outcome
        return outcome
      },
      peek: () => Promise.reject(new Error('nobody peeks')),
    },
    clock: createManualClock(),
    burst,
    observer: {
      admitted: () => {
        told.admitted += 1
      },
      settled: ({ charged, uncharged }) => {
        told.charged += charged
        told.uncharged += uncharged
      },
    },
  })
  const ask = (charging: Promise<boolean>, keyId = 'key_1') =>
    failOpen.orOpen(charging, { keyId, quotas: [aQuota()], units: 1 }, (charged) => charged)
  return {
    failOpen,
    asked,
    told,
    ask,
    failing: () => ask(Promise.reject(down())),
    answers: (by: typeof answer) => {
      answer = by
    },
  }
}

/** Handlers of promises that are settled already have run. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('fail mode open', () => {
  test('a charge that is made in time is answered as it is, and nothing is owed', async () => {
    const { failOpen, told, ask } = setUp()
    expect(await ask(Promise.resolve(true))).toBe(true)
    expect([failOpen.owed(), told.admitted]).toEqual([0, 0])
  })

  test('as many requests of a key pass as may be unpaid, then it fails as the charge does; other keys have their own', async () => {
    const { told, ask, failing } = setUp(2)
    expect([await failing(), await failing()]).toEqual(['open', 'open'])
    await expect(failing()).rejects.toMatchObject({ reason: 'store_unavailable' })
    expect(await ask(Promise.reject(down()), 'key_2')).toBe('open')
    expect(told.admitted).toBe(3)
  })

  test('what passed is charged once, in one charge, and then as many may pass again', async () => {
    const { failOpen, asked, told, failing } = setUp(3)
    await Promise.all([failing(), failing(), failing()])
    expect(failOpen.owed()).toBe(3)
    await failOpen.payBack()
    await failOpen.payBack()
    expect([asked, failOpen.owed(), told]).toEqual([[3], 0, { admitted: 3, charged: 3, uncharged: 0 }])
    expect(await failing()).toBe('open')
  })

  test('while the store is still away it stays owed', async () => {
    const { failOpen, answers, told, failing } = setUp()
    await failing()
    answers(() => down())
    await failOpen.payBack()
    expect([failOpen.owed(), told.charged + told.uncharged]).toEqual([1, 0])
    answers(() => CHARGED)
    await failOpen.payBack()
    expect([failOpen.owed(), told.charged]).toEqual([0, 1])
  })

  test('of what does not fit any more, as much as fits is charged and the rest is told', async () => {
    const { failOpen, answers, asked, told, failing } = setUp(5)
    for (let n = 0; n < 5; n += 1) await failing()
    answers((units) => (units > 2 ? { outcome: 'exhausted', states: [aState({ remaining: 2 })] } : CHARGED))
    await failOpen.payBack()
    expect([asked, failOpen.owed(), told]).toEqual([[5, 2], 0, { admitted: 5, charged: 2, uncharged: 3 }])
  })

  test.each([
    ['the limit has no room at all', () => ({ outcome: 'exhausted', states: [aState({ remaining: 0 })] })],
    ['the limits have changed', () => ({ outcome: 'stale' })],
    ['nobody knows whether it was charged', () => down(true)],
  ] as const)('it is asked once and told as uncharged when %s', async (_name, outcome) => {
    const { failOpen, answers, asked, told, failing } = setUp()
    await failing()
    answers(outcome as () => ChargeOutcome | Error)
    await failOpen.payBack()
    await failOpen.payBack()
    expect([asked, failOpen.owed(), told.uncharged]).toEqual([[1], 0, 1])
  })

  test('a charge that lands after its request passed is not made a second time', async () => {
    const { failOpen, asked, told, ask } = setUp()
    const slow = Promise.withResolvers<boolean>()
    expect(await ask(slow.promise)).toBe('open')
    slow.resolve(true)
    await settled()
    await failOpen.payBack()
    expect([asked, failOpen.owed(), told]).toEqual([[], 0, { admitted: 1, charged: 1, uncharged: 0 }])
  })

  test.each([
    ['may have been made', true, 0],
    ['was certainly not made', false, 1],
  ])('a charge that fails late and %s is owed only if it must be', async (_name, unknown, owed) => {
    const { failOpen, ask } = setUp()
    const slow = Promise.withResolvers<boolean>()
    expect(await ask(slow.promise)).toBe('open')
    slow.reject(down(unknown))
    await settled()
    expect(failOpen.owed()).toBe(owed)
  })

  test('a charge that is refused after its request passed is told as uncharged, and not asked for again', async () => {
    const { failOpen, asked, told, ask } = setUp()
    const slow = Promise.withResolvers<boolean>()
    expect(await ask(slow.promise)).toBe('open')
    slow.resolve(false)
    await settled()
    await failOpen.payBack()
    expect([asked, failOpen.owed(), told]).toEqual([[], 0, { admitted: 1, charged: 0, uncharged: 1 }])
  })

  test('a store that is away is asked for one key, and those behind it keep what they owe', async () => {
    const { failOpen, answers, asked, ask } = setUp()
    for (const keyId of ['key_1', 'key_2']) await ask(Promise.reject(down()), keyId)
    answers(() => down())
    await failOpen.payBack()
    expect([asked, failOpen.owed()]).toEqual([[1], 2])
  })

  test('a charge of which nobody knows holds up none of other keys', async () => {
    const { failOpen, answers, asked, told, ask } = setUp()
    for (const keyId of ['key_1', 'key_2']) await ask(Promise.reject(down()), keyId)
    answers(() => (asked.length === 1 ? down(true) : CHARGED))
    await failOpen.payBack()
    expect([asked, told.charged, told.uncharged]).toEqual([[1, 1], 1, 1])
  })

  test('a limit that refuses what it says to have room for is asked for less each time, and not for ever', async () => {
    const { failOpen, answers, asked, told, failing } = setUp(3)
    await Promise.all([failing(), failing(), failing()])
    answers(() => ({ outcome: 'exhausted', states: [aState({ remaining: 3 })] }))
    await failOpen.payBack()
    expect([asked, told.uncharged]).toEqual([[3, 2, 1], 3])
  })

  test('so many keys are trusted at once and no more, until what they owe is paid', async () => {
    const { failOpen, ask } = setUp()
    for (let n = 0; n < 10_000; n += 1) await ask(Promise.reject(down()), `key_${n}`)
    await expect(ask(Promise.reject(down()), 'one_more')).rejects.toMatchObject({
      reason: 'store_unavailable',
    })
    expect(await ask(Promise.reject(down()), 'key_0')).toBe('open')
    await failOpen.payBack()
    expect(await ask(Promise.reject(down()), 'one_more')).toBe('open')
  })

  test('a bug is not an outage', async () => {
    const { ask, told } = setUp()
    await expect(ask(Promise.reject(new TypeError('ours')))).rejects.toThrow(TypeError)
    expect(told.admitted).toBe(0)
  })
})
