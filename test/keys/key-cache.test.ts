// What is remembered: keys, and beside them names that stand for no key, which are many and worth little.
import { hash } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import type { KeyCacheOptions } from '../../src/keys/key-cache.ts'
import { createKeyCache } from '../../src/keys/key-cache.ts'
import type { VirtualKey } from '../../src/keys/virtual-key.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { aKey, anOwner, aQuota } from '../support/virtual-keys.ts'

const aCache = (options: Partial<KeyCacheOptions> = {}) => {
  const clock = createManualClock()
  const cache = createKeyCache({
    maxEntries: 100,
    maxBytes: 10_000_000,
    positiveTtlMs: 5_000,
    absentTtlMs: 1_000,
    ...options,
  })
  const put = (name: string, key: VirtualKey | undefined) => {
    const askedMs = clock.monotonicMs()
    if (key === undefined) cache.setAbsent(name, askedMs)
    else cache.set(name, { key, askedMs })
  }
  const get = (name: string) => cache.get(name, clock.monotonicMs())
  const holds = (...names: readonly string[]) => names.filter((name) => get(name) !== undefined)
  return { clock, cache, put, get, holds }
}

/** As a secret's digest, one character a byte. */
const named = (words: string): string => hash('sha256', words, 'binary')
const names = (count: number) => Array.from({ length: count }, (_, nth) => named(`name ${nth}`))

describe('names that stand for no key', () => {
  test('however many there are, push out no key, and the last of them are remembered, a tenth as many as keys at most', () => {
    const { cache, put, holds } = aCache()
    const valid = names(100).map((name) => `valid ${name}`)
    for (const [nth, name] of valid.entries()) put(name, aKey({ id: `key_${nth}` }))
    for (const name of names(1_000)) put(name, undefined)
    expect(holds(...valid)).toEqual(valid)
    const held = holds(...names(1_000))
    expect(held).toEqual(names(1_000).slice(-held.length))
    expect(held.length).toBeGreaterThanOrEqual(6)
    expect(held.length).toBeLessThanOrEqual(10)
    expect(cache.size().entries).toBe(100 + held.length)
  })

  test('take a tenth of the memory, and keys the rest', () => {
    const { cache, put } = aCache({ maxEntries: 1_000_000, maxBytes: 100_000 })
    for (const name of names(1_000)) put(name, undefined)
    const absent = cache.size()
    expect(absent.entries).toBeGreaterThan(0)
    expect(absent.bytes).toBeLessThanOrEqual(10_000)
    for (const name of names(1_000)) put(`valid ${name}`, aKey())
    expect(cache.size().bytes).toBeLessThanOrEqual(100_000)
    expect(cache.size().bytes).toBeGreaterThan(90_000)
  })

  test('end after their own time, and when a key comes into being; keys stay', () => {
    const { clock, cache, put, holds } = aCache()
    const none = named('none')
    put(none, undefined)
    put('valid', aKey())
    clock.advance(749)
    expect(holds(none, 'valid')).toEqual([none, 'valid'])
    clock.advance(251)
    expect(holds(none, 'valid')).toEqual(['valid'])
    put(none, undefined)
    cache.deleteAbsent()
    expect(holds(none, 'valid')).toEqual(['valid'])
  })

  test('a name is one of both at a time, whichever was learned last', () => {
    const { cache, put, get } = aCache()
    const a = named('a')
    put(a, undefined)
    put(a, aKey())
    expect([get(a), cache.size().entries]).toMatchObject([{ key: { id: 'key_1' } }, 1])
    cache.delete(a)
    expect(get(a)).toBe(undefined)
    put(a, aKey())
    put(a, undefined)
    expect([get(a), cache.size().entries]).toEqual(['absent', 1])
    cache.deleteHeldBy('key_1')
    expect(get(a)).toBe('absent')
    cache.delete(a)
    expect(get(a)).toBe(undefined)
  })
})

describe('a change of a key or an owner', () => {
  const acme = anOwner({ id: 'own_acme' })
  const other = anOwner({ id: 'own_other' })

  test('ends each name of that key, however many secrets it has, and no other', () => {
    const { cache, put, holds } = aCache()
    for (const name of ['old', 'new', 'newest']) put(name, aKey({ id: 'key_a', owners: [acme] }))
    put('b', aKey({ id: 'key_b', owners: [acme] }))
    cache.delete('new')
    cache.deleteHeldBy('key_a')
    expect(holds('old', 'new', 'newest', 'b')).toEqual(['b'])
    cache.deleteHeldBy('own_acme')
    expect(holds('b')).toEqual([])
  })

  test('ends the names below that owner, also those that changed hands, and again after they came back', () => {
    const { cache, put, holds } = aCache()
    put('a', aKey({ id: 'key_a', owners: [acme] }))
    put('b', aKey({ id: 'key_b', owners: [other] }))
    put('a', aKey({ id: 'key_a', owners: [other] }))
    cache.deleteHeldBy('own_acme')
    expect(holds('a', 'b')).toEqual(['a', 'b'])
    cache.deleteHeldBy('own_other')
    expect(holds('a', 'b')).toEqual([])
    put('a', aKey({ id: 'key_a', owners: [other] }))
    cache.deleteHeldBy('own_other')
    expect(holds('a')).toEqual([])
  })

  test('names that were pushed out, or are over, are not kept for it', () => {
    const { clock, cache, put, holds } = aCache({ maxEntries: 2 })
    for (const name of names(50)) put(name, aKey({ id: `key of ${name}`, owners: [acme] }))
    expect(cache.size().entries).toBe(2)
    clock.advance(5_001)
    expect(holds(...names(50))).toEqual([])
    put('name 0', aKey({ id: 'key_0', owners: [acme] }))
    cache.clear()
    expect([cache.size(), holds('name 0')]).toEqual([{ entries: 0, bytes: 0 }, []])
  })
})

describe('what it says to hold in bytes', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  /** Once nothing more is found to collect: what a finaliser held, or a turn of the loop, is let go one time later. */
  const heldBytes = async (): Promise<number> => {
    for (let last = Number.POSITIVE_INFINITY; ; ) {
      await turn()
      collect()
      const held = process.memoryUsage().heapUsed
      if (held > last - 100_000) return held
      last = held
    }
  }
  const ENTRIES = 20_000
  /** A string of its own, as each that comes from the database. */
  const fresh = (text: string) => Buffer.from(text).toString()
  const aStoredKey = (nth: number, more: Partial<VirtualKey>) =>
    aKey({
      id: fresh(`key_${String(nth).padStart(24, '0')}`),
      name: fresh(`name ${nth}`),
      owners: [anOwner({ id: fresh('own_012345678901234567890123'), path: fresh('acme'), rules: NO_RULES })],
      usabilityQuota: aQuota({ id: nth }),
      ...more,
    })

  test.each<[string, (nth: number) => VirtualKey]>([
    ['keys without rules and limits', (nth) => aStoredKey(nth, {})],
    [
      'keys with two limits',
      (nth) => aStoredKey(nth, { quotas: [aQuota({ id: nth }), aQuota({ id: -nth })] }),
    ],
    [
      'keys with rules',
      (nth) =>
        aStoredKey(nth, {
          rules: {
            ...NO_RULES,
            models: [fresh('gpt-4o-mini'), fresh('claude-*')],
            deniedModels: [],
            policies: [fresh('chat')],
            guardrails: [],
          },
        }),
    ],
  ])('is what the heap shrinks by without it, half as much more or less: %s', async (_name, keyOf) => {
    const { cache, put } = aCache({ maxEntries: ENTRIES, maxBytes: 1_000_000_000 })
    for (let nth = 0; nth < ENTRIES; nth += 1)
      put(fresh(`the thirty-two bytes of ${nth}`.padStart(32)), keyOf(nth))
    const { entries, bytes } = cache.size()
    expect(entries).toBe(ENTRIES)
    // What is let go is measured, not what comes: while it comes, whatever the program began with may go.
    const held = await heldBytes()
    cache.clear()
    const freed = held - (await heldBytes())
    expect(bytes / freed).toBeGreaterThan(0.67)
    expect(bytes / freed).toBeLessThan(1.6)
  })
})
