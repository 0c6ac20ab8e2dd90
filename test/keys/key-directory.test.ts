// The cache in front of the store: one look-up for any number of askers, and no way back for what was dropped.
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { createCall } from '../../src/kernel/call.ts'
import { Failure } from '../../src/kernel/failure.ts'
import type { KeyDirectoryOptions } from '../../src/keys/key-directory.ts'
import { createKeyDirectory } from '../../src/keys/key-directory.ts'
import { digestSecret } from '../../src/keys/secret.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { createPausedKeyStore } from '../support/paused-key-store.ts'
import { aKey } from '../support/virtual-keys.ts'

const setUp = (options: Partial<KeyDirectoryOptions> = {}, feedPosition = () => 0) => {
  const clock = createManualClock()
  const store = createPausedKeyStore()
  const directory = createKeyDirectory({
    store,
    clock,
    feedPosition,
    options: {
      maxEntries: 1_000,
      maxBytes: 10_000_000,
      positiveTtlMs: 5_000,
      unfedTtlMs: 5_000,
      staleGraceMs: 0,
      absentTtlMs: 1_000,
      lookupTimeoutMs: 5_000,
      ...options,
    },
  })
  const call = () => createCall(clock.monotonicMs() + 10_000)
  const fill = async (name: string, key = aKey()) => {
    const asked = directory.find(digestSecret(name), call())
    store.waiting.shift()?.reply(key)
    await asked
  }
  return { clock, store, directory, call, fill }
}

const digest = digestSecret('one')

describe('one look-up', () => {
  test('10,000 concurrent askers of one cold key cause one look-up, counted once', async () => {
    const { store, directory, call } = setUp()
    const calls = Array.from({ length: 10_000 }, call)
    const asked = calls.map(async (each) => directory.find(digest, each))
    store.waiting.shift()?.reply(aKey())
    await Promise.all(asked)
    expect(store.lookups()).toBe(1)
    expect(calls.reduce((sum, each) => sum + each.storeReads, 0)).toBe(1)
    expect(calls.filter(({ cache }) => cache === 'miss')).toHaveLength(1)
    expect(calls.filter(({ cache }) => cache === 'joined')).toHaveLength(9_999)
  })

  test('a warm key costs none until its entry ends, and asking does not prolong it', async () => {
    const { clock, store, directory, call, fill } = setUp()
    await fill('one')
    clock.advance(4_999)
    const warm = call()
    expect((await directory.find(digest, warm)).key?.id).toBe('key_1')
    expect(warm).toMatchObject({ cache: 'hit', storeReads: 0 })
    clock.advance(2)
    void directory.find(digest, call())
    expect(store.lookups()).toBe(2)
  })

  test('an absent key is remembered as absent, for its own shorter time', async () => {
    const { clock, store, directory, call } = setUp()
    const asked = directory.find(digest, call())
    store.waiting.shift()?.reply(undefined)
    expect((await asked).key).toBeUndefined()
    const known = call()
    expect((await directory.find(digest, known)).key).toBeUndefined()
    expect(known).toMatchObject({ cache: 'absent', storeReads: 0 })
    clock.advance(1_001)
    void directory.find(digest, call())
    expect(store.lookups()).toBe(2)
  })

  test('an outage is never remembered as absence', async () => {
    const { store, directory, call } = setUp()
    const asked = directory.find(digest, call())
    store.waiting.shift()?.fail(new Failure('store_unavailable', 'down'))
    await expect(asked).rejects.toMatchObject({ reason: 'store_unavailable' })
    const again = directory.find(digest, call())
    store.waiting.shift()?.reply(aKey())
    expect((await again).key?.id).toBe('key_1')
  })

  test('who cannot wait until the end is told so, and the look-up still fills the cache for the others', async () => {
    const { clock, store, directory, call } = setUp()
    const hasty = directory.find(digest, createCall(clock.monotonicMs() + 1))
    await expect(hasty).rejects.toMatchObject({ reason: 'deadline_exceeded' })
    const patient = directory.find(digest, call())
    store.waiting.shift()?.reply(aKey())
    expect((await patient).key?.id).toBe('key_1')
    expect(store.lookups()).toBe(1)
  })

  test('who is gone already starts none', () => {
    const { clock, store, directory, call } = setUp()
    expect(() => directory.find(digest, createCall(clock.monotonicMs()))).toThrow('the deadline passed')
    expect(() => directory.find(digest, { ...call(), cancelled: true })).toThrow('the caller left')
    expect(store.lookups()).toBe(0)
  })

  test('keys whose secrets share all but the end never mix', async () => {
    const { store, directory, call, fill } = setUp()
    await fill('x'.repeat(64), aKey({ id: 'key_a' }))
    const other = directory.find(digestSecret(`${'x'.repeat(64)}y`), call())
    store.waiting.shift()?.reply(aKey({ id: 'key_b' }))
    expect((await other).key?.id).toBe('key_b')
  })
})

describe('what was dropped stays dropped', () => {
  const drops: [string, (s: ReturnType<typeof setUp>) => void][] = [
    ['drop', ({ directory }) => directory.drop(digest)],
    ['a refusal', ({ directory }) => directory.dropRefused(digest)],
    ['a change of the key', ({ directory }) => directory.apply({ kind: 'key', id: 'key_1' })],
    ['a change of everything', ({ directory }) => directory.apply({ kind: 'everything' })],
  ]

  test.each(drops)('%s makes the next asker look again', async (_name, drop) => {
    const all = setUp()
    await all.fill('one')
    drop(all)
    void all.directory.find(digest, all.call())
    expect(all.store.lookups()).toBe(2)
  })

  test.each(drops)(
    'a look-up that began before %s is not installed, and nobody joins it afterwards',
    async (_name, drop) => {
      const all = setUp()
      const before = all.directory.find(digest, all.call())
      drop(all)
      const after = all.directory.find(digest, all.call())
      expect(all.store.lookups()).toBe(2)
      const [old, fresh] = all.store.waiting.splice(0)
      fresh?.reply(aKey({ disabled: true }))
      expect((await after).key?.disabled).toBe(true)
      old?.reply(aKey({ disabled: false }))
      await turn()
      // Whoever waited for what a change has overtaken asks again.
      all.store.waiting.shift()?.reply(aKey({ disabled: true }))
      await before
      expect((await all.directory.find(digest, all.call())).key?.disabled).toBe(true)
    },
  )

  test('a database node that has not seen yet what the feed told is not believed', async () => {
    const { store, directory, call } = setUp({}, () => 7)
    const behind = directory.find(digest, call())
    store.waiting.shift()?.reply(aKey({ revoked: false }), 6)
    await expect(behind).rejects.toMatchObject({ reason: 'store_unavailable' })
    const level = directory.find(digest, call())
    store.waiting.shift()?.reply(aKey({ revoked: true }), 7)
    expect((await level).key?.revoked).toBe(true)
    expect(store.lookups()).toBe(2)
  })

  test('refusals drop a key at most once a second', async () => {
    const { clock, store, directory, call, fill } = setUp()
    await fill('one')
    directory.dropRefused(digest)
    await fill('one')
    clock.advance(999)
    directory.dropRefused(digest)
    await directory.find(digest, call())
    expect(store.lookups()).toBe(2)
    clock.advance(2)
    directory.dropRefused(digest)
    void directory.find(digest, call())
    expect(store.lookups()).toBe(3)
  })
})

describe('bounds', () => {
  test('the cache holds at most maxEntries entries', async () => {
    const { directory, fill } = setUp({ maxEntries: 10 })
    for (let n = 0; n < 50; n += 1) await fill(`key ${n}`)
    expect(directory.size().entries).toBe(10)
  })

  test('the cache holds at most maxBytes, and big entries weigh more', async () => {
    const { directory, fill } = setUp({ maxBytes: 20_000 })
    for (let n = 0; n < 50; n += 1) await fill(`key ${n}`)
    const small = directory.size().entries
    const models = Array.from({ length: 50 }, (_, n) => `some-model-name-${n}`)
    for (let n = 0; n < 50; n += 1) await fill(`big ${n}`, aKey({ rules: { ...NO_RULES, models } }))
    expect(directory.size().bytes).toBeLessThanOrEqual(20_000)
    expect(directory.size().entries).toBeLessThan(small)
  })
})

describe('the registry', () => {
  const document = (guardrail: string) => ({ policies: [], guardrails: [guardrail], models: [] })

  test('comes along with a look-up when it changed, and is then used for cached keys too', async () => {
    const { store, directory, call, fill } = setUp()
    await fill('one')
    store.setRegistry(2, document('new'))
    await fill('two')
    expect((await directory.find(digest, call())).registry.guardrails).toEqual(new Set(['new']))
  })

  test('who waited for a look-up while it changed is told the new one', async () => {
    const { store, directory, call } = setUp()
    const asked = directory.find(digest, call())
    store.setRegistry(2, document('new'))
    directory.apply({ kind: 'registry' })
    store.waiting.shift()?.reply(aKey())
    await turn()
    store.waiting.shift()?.reply(aKey())
    expect((await asked).registry.version).toBe(2)
  })

  test('a late reply never brings an older registry back', async () => {
    const { store, directory, call } = setUp()
    const early = directory.find(digestSecret('early'), call())
    store.setRegistry(2, document('new'))
    const late = directory.find(digestSecret('late'), call())
    const [first, second] = store.waiting.splice(0)
    second?.reply(aKey())
    expect((await late).registry.version).toBe(2)
    first?.reply(aKey())
    expect((await early).registry.version).toBe(2)
    expect(directory.registry()?.version).toBe(2)
  })
})

describe('a caller who gets no look-up', () => {
  const setUpThrottled = () => {
    const all = setUp()
    const throttled = () => Object.assign(all.call(), { mayLookUp: false })
    return { ...all, throttled }
  }

  test('is told of overload when the key is not remembered: it may be valid, so never that it is absent', async () => {
    const { store, directory, throttled } = setUpThrottled()
    const call = throttled()
    await expect(directory.find(digest, call)).rejects.toMatchObject({ reason: 'overloaded' })
    expect(call.cache).toBe('throttled')
    expect(store.lookups()).toBe(0)
  })

  test('is served from the cache, and by the look-up of another', async () => {
    const { store, directory, call, throttled, fill } = setUpThrottled()
    await fill('one')
    expect((await directory.find(digest, throttled())).key?.id).toBe('key_1')
    const other = directory.find(digestSecret('two'), call())
    const joined = directory.find(digestSecret('two'), throttled())
    store.waiting.shift()?.reply(aKey({ id: 'key_2' }))
    expect((await Promise.all([other, joined])).map(({ key }) => key?.id)).toEqual(['key_2', 'key_2'])
  })
})
