// All keys of an owner and below it are revoked, or none when they are not as many as expected; what will end is told before.
import { expect, test } from 'vitest'
import type { NewKey } from '../support/stores.ts'
import { aRotation, createKey, describeEveryStore, lookUp, NOON } from '../support/stores.ts'

const DAY = { unit: 'requests', period: 'day', zone: 'UTC', amount: 100 } as const
const DAY_MS = 86_400_000

describeEveryStore('keys of an owner', (get) => {
  const book = () => get().store.keyBook

  test('all at and below it are revoked, and no other; limits and all are refused at once', async () => {
    const paths = ['bulk', 'bulk/a', 'bulk/a/ann', 'bulk/b']
    const below: NewKey[] = []
    for (const ownerPath of paths) below.push(await createKey(get(), { ownerPath, limits: [DAY] }))
    const beside = [
      await createKey(get(), { ownerPath: 'bulk-x' }),
      await createKey(get(), { ownerPath: 'bulky' }),
    ]
    const before = (await get().store.changes.last()).number
    const done = await book().revokeKeysOf({ ownerPath: 'bulk', expected: 4 })
    expect(done.revoked.toSorted()).toEqual(below.map(({ id }) => id).toSorted())
    expect(done.remaining).toBe(0)
    expect((await get().store.changes.last()).number).toBe(before + 1)
    for (const key of below) {
      expect(await lookUp(get(), key.digest)).toMatchObject({ revoked: true })
      for (const quotas of [key.quotas, [key.key.usabilityQuota]])
        expect(await get().store.ledger.charge(quotas, 1, get().newCall())).toEqual({ outcome: 'stale' })
    }
    for (const { digest } of beside) expect(await lookUp(get(), digest)).toMatchObject({ revoked: false })
  })

  test('with another number than expected none is revoked', async () => {
    const key = await createKey(get(), { ownerPath: 'counted' })
    for (const expected of [0, 2])
      await expect(book().revokeKeysOf({ ownerPath: 'counted', expected })).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringContaining(`1 keys that are not revoked, and ${expected}`) as string,
      })
    expect(await lookUp(get(), key.digest)).toMatchObject({ revoked: false })
  })

  test('again is fine, revokes nothing, tells nobody, and keeps the first instant', async () => {
    const { id } = await createKey(get(), { ownerPath: 'twice' })
    await book().revokeKeysOf({ ownerPath: 'twice', expected: undefined })
    const { number } = await get().store.changes.last()
    await get().moveTo(NOON + 5)
    expect(await book().revokeKeysOf({ ownerPath: 'twice', expected: 0 })).toEqual({
      revoked: [],
      remaining: 0,
    })
    expect((await get().store.changes.last()).number).toBe(number)
    expect(await book().getKey(id)).toMatchObject({ revokedAtMs: NOON })
    await get().moveTo(NOON)
  })

  test('an owner that does not exist is not found', async () => {
    for (const ownerPath of ['nobody', 'bulk/nobody'])
      await expect(book().revokeKeysOf({ ownerPath, expected: undefined })).rejects.toMatchObject({
        code: 'not_found',
      })
    await expect(book().revokeKeysOf({ ownerPath: 'UPPER', expected: undefined })).rejects.toMatchObject({
      code: 'invalid',
    })
  })

  test('more than fit in a transaction are revoked in several', { timeout: 60_000 }, async () => {
    await createKey(get(), { ownerPath: 'many' })
    const count = 10_100
    const numbers = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 101) SELECT`
    const columns = 'owner_id, name, hint, denied_models, policies, guardrails, quota_id, created_at'
    const id =
      get().store.dialect === 'sqlite'
        ? "printf('key_many%018d', n.i * 1000 + m.i)"
        : "CONCAT('key_many', LPAD(n.i * 1000 + m.i, 18, '0'))"
    await get().write(
      `INSERT INTO virtual_key (id, ${columns}) ${numbers} ${id}, ${columns
        .split(', ')
        .map((column) => `k.${column}`)
        .join()} FROM n JOIN n m ON m.i < 101 JOIN virtual_key k JOIN owner o ON o.id = k.owner_id WHERE o.path = 'many'`,
    )
    const all = { ownerPath: 'many', expected: count + 1 }
    const first = await book().revokeKeysOf(all)
    expect([first.revoked.length, first.remaining]).toEqual([10_000, 101])
    const rest = await book().revokeKeysOf({ ...all, expected: undefined })
    expect([rest.revoked.length, rest.remaining]).toEqual([101, 0])
    expect(await book().listKeys({ ownerPath: 'many', pageSize: 10 })).toEqual([])
  })

  test('what will end is listed, the next first: keys, and secrets in their grace', async () => {
    const soon = await createKey(get(), { ownerPath: 'ending/a', expiresAtMs: NOON + 2 * DAY_MS })
    const later = await createKey(get(), { ownerPath: 'ending', expiresAtMs: NOON + 20 * DAY_MS })
    const rotated = await createKey(get(), { ownerPath: 'ending' })
    await book().rotateKey(rotated.id, aRotation({ graceMs: DAY_MS }))
    const revoked = await createKey(get(), { ownerPath: 'ending', expiresAtMs: NOON + DAY_MS })
    await book().rotateKey(revoked.id, aRotation({ graceMs: DAY_MS }))
    await book().revokeKey(revoked.id)
    await createKey(get(), { ownerPath: 'ending', expiresAtMs: NOON - 1 })
    await createKey(get(), { ownerPath: 'elsewhere', expiresAtMs: NOON + 1 })
    const within = async (days: number, ownerPath = 'ending') =>
      (await book().listExpiring({ untilMs: NOON + days * DAY_MS, ownerPath })).map(
        ({ what, keyId, endsAtMs }) => [what, keyId, (endsAtMs - NOON) / DAY_MS],
      )
    expect(await within(20)).toEqual([
      ['secret', rotated.id, 1],
      ['key', soon.id, 2],
      ['key', later.id, 20],
    ])
    expect(await within(19.99)).toHaveLength(2)
    expect(await within(30, 'ending/a')).toEqual([['key', soon.id, 2]])
    const [first] = await book().listExpiring({ untilMs: NOON + 1 })
    expect(first).toMatchObject({ what: 'key', ownerPath: 'elsewhere', hint: 'abcd', name: 'ci' })
    await expect(book().listExpiring({ untilMs: NOON, ownerPath: 'no-one' })).rejects.toMatchObject({
      code: 'not_found',
    })
  })
})
