// What stops a key stops its very next charge, whatever any cache believes.
import { expect, test } from 'vitest'
import { NO_RULES } from '../../src/policy/policy.ts'
import { FOREVER } from '../../src/quota/quota.ts'
import type { NewKey } from '../support/stores.ts'
import { createKey, describeEveryStore, NOON, quotaRow } from '../support/stores.ts'

const DAY = { unit: 'requests', period: 'day', zone: 'UTC', amount: 100 } as const

describeEveryStore('usability', (get) => {
  const charge = async ({ key, quotas }: NewKey): Promise<string> => {
    const both = [...new Set([key.usabilityQuota, ...quotas])]
    const outcomes = await Promise.all(
      [...both.map((quota) => [quota]), both].map((asked) =>
        get().store.ledger.charge(asked, 1, get().newCall()),
      ),
    )
    return [...new Set(outcomes.map(({ outcome }) => outcome))].join()
  }

  test('a disabled key is stale at once and charged again when enabled', async () => {
    const key = await createKey(get(), { limits: [DAY] })
    expect(await charge(key)).toBe('charged')
    await get().store.keyBook.setKeyDisabled(key.id, true)
    expect(await charge(key)).toBe('stale')
    await get().store.keyBook.setKeyDisabled(key.id, false)
    expect(await charge(key)).toBe('charged')
  })

  test('a revoked key is stale at once and for ever', async () => {
    const key = await createKey(get(), { limits: [DAY] })
    await get().store.keyBook.revokeKey(key.id)
    expect(await charge(key)).toBe('stale')
  })

  test('a key is charged until the millisecond before it expires', async () => {
    const key = await createKey(get(), { limits: [DAY], expiresAtMs: NOON + 1_000 })
    await get().moveTo(NOON + 999)
    expect(await charge(key)).toBe('charged')
    await get().moveTo(NOON + 1_000)
    expect(await charge(key)).toBe('stale')
    await get().store.keyBook.updateKey(key.id, { expiresAtMs: NOON + 2_000 })
    expect(await charge(key)).toBe('charged')
    await get().store.keyBook.updateKey(key.id, { expiresAtMs: undefined })
    await get().moveTo(NOON + 3_000)
    expect(await charge(key)).toBe('charged')
    await get().moveTo(NOON)
  })

  test('an owner disabled at any level stops every key and limit below it, and nothing beside it', async () => {
    const { ownerBook, limitBook } = get().store
    for (const path of ['one', 'one/team', 'one/team/ann']) await ownerBook.createOwner(path, NO_RULES)
    for (const subject of ['one', 'one/team', 'one/team/ann']) await limitBook.createLimit(subject, DAY)
    const below = await createKey(get(), { ownerPath: 'one/team/ann', limits: [DAY] })
    expect(below.quotas).toHaveLength(4)
    const beside = await createKey(get(), { ownerPath: 'one/team2', limits: [DAY] })
    for (const path of ['one', 'one/team', 'one/team/ann']) {
      await ownerBook.setOwnerDisabled(path, true)
      expect(await get().store.ledger.charge(below.quotas, 1, get().newCall()), path).toEqual({
        outcome: 'stale',
      })
      expect(await get().store.ledger.charge([below.key.usabilityQuota], 1, get().newCall())).toEqual({
        outcome: 'stale',
      })
      const expected = path === 'one' ? 'stale' : 'charged'
      expect((await get().store.ledger.charge([beside.key.usabilityQuota], 1, get().newCall())).outcome).toBe(
        expected,
      )
      await ownerBook.setOwnerDisabled(path, false)
      expect((await get().store.ledger.charge(below.quotas, 1, get().newCall())).outcome).toBe('charged')
    }
  })

  test('enabling an owner leaves alone what is stopped for another reason', async () => {
    const { ownerBook, keyBook } = get().store
    const disabled = await createKey(get(), { ownerPath: 'two/team', limits: [DAY] })
    const expiring = await createKey(get(), { ownerPath: 'two/team', expiresAtMs: NOON + 5_000 })
    await ownerBook.setOwnerDisabled('two', true)
    await ownerBook.setOwnerDisabled('two/team', true)
    await keyBook.setKeyDisabled(disabled.id, true)
    await ownerBook.setOwnerDisabled('two', false)
    expect(await charge(expiring)).toBe('stale')
    await ownerBook.setOwnerDisabled('two/team', false)
    expect(await charge(expiring)).toBe('charged')
    expect(await quotaRow(get(), expiring.key.usabilityQuota.id)).toMatchObject({
      usable_until: NOON + 5_000,
    })
    expect(await charge(disabled)).toBe('stale')
    await keyBook.setKeyDisabled(disabled.id, false)
    expect(await quotaRow(get(), disabled.key.usabilityQuota.id)).toMatchObject({ usable_until: FOREVER })
  })

  test('keys, limits and owners made below a disabled owner are born stopped', async () => {
    const { ownerBook, limitBook } = get().store
    await ownerBook.createOwner('three', NO_RULES)
    await ownerBook.setOwnerDisabled('three', true)
    const born = await createKey(get(), { ownerPath: 'three/team', limits: [DAY] })
    await limitBook.createLimit('three/team', DAY)
    await limitBook.createLimit(born.id, { ...DAY, period: 'hour' })
    expect(await charge(born)).toBe('stale')
    const rows = await get().read('SELECT usable_until FROM quota')
    expect(rows.filter(({ usable_until }) => Number(usable_until) === 0).length).toBeGreaterThanOrEqual(4)
    await ownerBook.setOwnerDisabled('three', false)
    expect(await charge(born)).toBe('charged')
  })

  test('a limit that was retired stays retired when its key is changed', async () => {
    const { keyBook, limitBook } = get().store
    const key = await createKey(get(), { limits: [DAY] })
    const [limit] = await limitBook.listLimits(key.id)
    await limitBook.deleteLimit(limit?.id ?? 0)
    await keyBook.setKeyDisabled(key.id, true)
    await keyBook.setKeyDisabled(key.id, false)
    expect(await quotaRow(get(), key.quotas[0]?.id ?? 0)).toMatchObject({ usable_until: 0 })
  })
})
