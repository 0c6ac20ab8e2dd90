// A limit is told to be nearly used up at its percentage, neither earlier nor later, and once in a window.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { QuotaState } from '../../src/quota/quota.ts'
import { FOREVER } from '../../src/quota/quota.ts'
import { nearLimits, subjectKindOf } from '../../src/quota/soft-limit.ts'
import { createSoftLimitMemory } from '../../src/quota/soft-limit-memory.ts'
import { aQuota, aState } from '../support/virtual-keys.ts'

const used = (count: number, amount: number, more: Partial<QuotaState> = {}): QuotaState =>
  aState({ amount, used: count, remaining: Math.max(0, amount - count), ...more })

const percentsAt = (softLimit: number | undefined, ...states: readonly QuotaState[]): readonly number[] =>
  nearLimits(states, softLimit).map(({ percent }) => percent)

describe('the soft limit', () => {
  it.each([
    [1, 0, []],
    [1, 1, [100]],
    [3, 2, []],
    [3, 3, [100]],
    [10, 7, []],
    [10, 8, [80]],
    [10, 9, [90]],
    [10, 10, [100]],
    [1_000, 799, []],
    [1_000, 800, [80]],
    [1_000, 839, [83]],
    [FOREVER, 7_205_759_403_792_792, []],
    [FOREVER, 7_205_759_403_792_793, [80]],
    [FOREVER, 8_106_479_329_266_891, [89]],
    [FOREVER, FOREVER - 1, [99]],
    [FOREVER, FOREVER, [100]],
  ])('of 80 %% of %d: %d used is %j', (amount, count, percents) => {
    expect(percentsAt(80, used(count, amount))).toEqual(percents)
  })

  it('is reached exactly when used * 100 >= amount * percent, whatever the numbers', () => {
    const amounts = fc.oneof(
      fc.integer({ min: 1, max: 1_000 }),
      fc.maxSafeNat().map((n) => n || 1),
    )
    fc.assert(
      fc.property(
        amounts,
        fc.integer({ min: 1, max: 99 }),
        fc.integer({ min: -2, max: 2 }),
        (amount, percent, by) => {
          const edge = Number((BigInt(amount) * BigInt(percent) + 99n) / 100n)
          const count = Math.min(amount, Math.max(0, edge + by))
          const reached = BigInt(count) * 100n >= BigInt(amount) * BigInt(percent)
          const told = Number((BigInt(count) * 100n) / BigInt(amount))
          expect(percentsAt(percent, used(count, amount))).toEqual(reached ? [told] : [])
          expect(percentsAt(1, used(count, amount))).toEqual(told >= 1 ? [told] : [])
        },
      ),
    )
  })

  it('an amount that was lowered below what is used is full, not fuller', () => {
    expect(percentsAt(80, used(500, 10))).toEqual([100])
  })

  it('switched off, of an amount of 0, or of the row that nobody set, is never reached', () => {
    expect(percentsAt(undefined, used(10, 10))).toEqual([])
    expect(percentsAt(1, used(0, 0))).toEqual([])
    const implicit = aQuota({ implicit: true, period: 'total', amount: FOREVER })
    expect(percentsAt(1, used(FOREVER, FOREVER, { quota: implicit }))).toEqual([])
  })

  it('of several the fullest is first, of equally full ones the one that resets last', () => {
    const at = (id: number, count: number, resetsAtMs: number | undefined) =>
      used(count, 100, { quota: aQuota({ id }), resetsAtMs })
    const states = [at(1, 85, 1), at(2, 90, 1), at(3, 90, undefined), at(4, 90, 2), at(5, 79, 3)]
    expect(nearLimits(states, 80).map(({ state }) => state.quota.id)).toEqual([3, 4, 2, 1])
  })

  it.each([
    ['key', 'key'],
    ['acme', 'organisation'],
    ['acme/search', 'team'],
    ['acme/search/ann', 'user'],
  ])('%s is the subject of a %s', (subject, kind) => {
    expect(subjectKindOf(aQuota({ subject }))).toBe(kind)
  })
})

describe('the memory of what was told', () => {
  const window = (id: number, resetsAtMs: number | undefined) => aState({ quota: aQuota({ id }), resetsAtMs })

  it('a limit is news once in a window, again in the next, and not again for a straggler of the last', () => {
    const { isNews } = createSoftLimitMemory({ maxEntries: 10 })
    const asked = [
      window(1, 100),
      window(1, 100),
      window(2, 100),
      window(1, 200),
      window(1, 100),
      window(1, 200),
    ]
    expect(asked.map(isNews)).toEqual([true, false, true, true, false, false])
  })

  it('a total is news once', () => {
    const { isNews } = createSoftLimitMemory({ maxEntries: 10 })
    expect([isNews(window(1, undefined)), isNews(window(1, undefined))]).toEqual([true, false])
  })

  it('is bounded: the limit that was asked about longest ago is forgotten, those in use are not', () => {
    const { isNews } = createSoftLimitMemory({ maxEntries: 2 })
    const asked = [
      window(1, 100),
      window(2, 100),
      window(1, 100),
      window(3, 100),
      window(1, 100),
      window(2, 100),
    ]
    expect(asked.map(isNews)).toEqual([true, true, false, true, false, true])
  })
})
