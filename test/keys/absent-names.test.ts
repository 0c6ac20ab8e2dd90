// Names of no key are believed for a while, and take no memory of the collector's.
import { hash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createAbsentNames } from '../../src/keys/absent-names.ts'

const named = (nth: number): string => hash('sha256', `name ${nth}`, 'binary')
const TTL_MS = 1_000

test('a name is believed for three quarters of its time at least and never longer than it, whatever is added and asked meanwhile', () => {
  const step = fc.record({ waitMs: fc.nat(400), name: fc.nat(40), adds: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const names = createAbsentNames({ maxNames: 1_000, ttlMs: TTL_MS })
      const added = new Map<number, number>()
      let nowMs = 12_345
      for (const { waitMs, name, adds } of steps) {
        nowMs += waitMs
        const ageMs = nowMs - (added.get(name) ?? Number.NEGATIVE_INFINITY)
        const held = names.has(named(name), nowMs)
        if (ageMs < 0.75 * TTL_MS) expect(held).toBe(true)
        if (ageMs >= TTL_MS) expect(held).toBe(false)
        if (!adds) continue
        // As its asker does, who found nothing.
        if (!held) {
          names.add(named(name), nowMs)
          added.set(name, nowMs)
        }
      }
    }),
  )
})

test('of more than there is room for the last ones are remembered, three quarters of the room at least but for one', () => {
  const names = createAbsentNames({ maxNames: 40, ttlMs: TTL_MS })
  for (let nth = 0; nth < 1_000; nth += 1) {
    names.add(named(nth), 0)
    expect(names.size()).toBeLessThanOrEqual(40)
    for (let back = 0; back <= Math.min(nth, 30); back += 1)
      expect(names.has(named(nth - back), 0)).toBe(true)
  }
})

test('one that is deleted is gone, and so are all when they are cleared', () => {
  const names = createAbsentNames({ maxNames: 40, ttlMs: TTL_MS })
  for (let nth = 0; nth < 30; nth += 1) names.add(named(nth), 0)
  names.delete(named(99))
  expect(names.size()).toBe(30)
  names.delete(named(3))
  expect(names.has(named(3), 0)).toBe(false)
  names.add(named(5), 0)
  names.clear()
  expect([names.size(), names.has(named(5), 0)]).toEqual([0, false])
})
