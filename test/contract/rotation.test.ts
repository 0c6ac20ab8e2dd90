// Rotating a key: two secrets during the grace, one before and one after, on every store.
import { expect, test } from 'vitest'
import type { RotationDraft } from '../../src/keys/key-book.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { NewKey } from '../support/stores.ts'
import { aDigest, aDraft, aRotation, createKey, describeEveryStore, lookUp, NOON } from '../support/stores.ts'

const HOUR_MS = 3_600_000
const DAY = { unit: 'requests', period: 'day', zone: 'UTC', amount: 100 } as const

const aRequest = () => ({ digest: aDigest(), salt: new Uint8Array(16).fill(7) })

describeEveryStore('rotation', (get) => {
  const book = () => get().store.keyBook
  const rotate = ({ id }: NewKey, more: Partial<RotationDraft> = {}) =>
    book().rotateKey(id, aRotation({ graceMs: HOUR_MS, ...more }))
  const find = async (digest: Uint8Array) =>
    (await get().store.keyStore.find(digest, -1, get().newCall())).key
  const lastChange = async () => (await get().store.changes.last()).number

  test('both secrets find the key during the grace; the old one knows its end, and then finds nothing', async () => {
    await get().moveTo(NOON)
    const key = await createKey(get(), { limits: [DAY] })
    const draft = aRotation({ graceMs: HOUR_MS })
    expect(await book().rotateKey(key.id, draft)).toEqual({
      keyId: key.id,
      digest: draft.digest,
      salt: undefined,
      hint: 'wxyz',
      rotatedAtMs: NOON,
      graceEndsAtMs: NOON + HOUR_MS,
      repeated: false,
    })
    expect(await lookUp(get(), draft.digest)).toMatchObject({ id: key.id, secretUntilMs: undefined })
    expect(await lookUp(get(), key.digest)).toEqual({
      ...key.key,
      hint: 'wxyz',
      secretUntilMs: NOON + HOUR_MS,
    })
    expect(await book().secretsOf(key.id)).toEqual([
      { hint: 'wxyz', createdAtMs: NOON, endsAtMs: undefined },
      { hint: 'abcd', createdAtMs: NOON, endsAtMs: NOON + HOUR_MS },
    ])
    expect((await book().getKey(key.id)).hint).toBe('wxyz')
    expect(await book().digestOfKey(key.id)).toEqual(draft.digest)
    await get().moveTo(NOON + HOUR_MS - 1)
    expect(await find(key.digest)).toBeDefined()
    await get().moveTo(NOON + HOUR_MS)
    expect(await find(key.digest)).toBeUndefined()
    expect(await book().findKeyByDigest(key.digest)).toBeUndefined()
    expect(await find(draft.digest)).toBeDefined()
    expect(await book().secretsOf(key.id)).toHaveLength(1)
    await get().moveTo(NOON)
  })

  test('without a grace the old secret ends at once', async () => {
    const key = await createKey(get())
    await rotate(key, { graceMs: 0 })
    expect(await find(key.digest)).toBeUndefined()
    expect(await book().secretsOf(key.id)).toHaveLength(1)
  })

  test('what limits count goes on, whichever secret is used', async () => {
    const key = await createKey(get(), { limits: [DAY] })
    const { digest } = await rotate(key)
    expect((await lookUp(get(), digest)).quotas).toEqual(key.key.quotas)
    expect((await lookUp(get(), key.digest)).usabilityQuota).toEqual(key.key.usabilityQuota)
  })

  test('the same request again has the same answer and changes nothing', async () => {
    const key = await createKey(get())
    const request = aRequest()
    const first = await rotate(key, { request })
    const before = await lastChange()
    await get().moveTo(NOON + 60_000)
    const again = await rotate(key, { request: { ...request, salt: new Uint8Array(16) } })
    expect(again).toEqual({ ...first, repeated: true })
    expect(first).toMatchObject({ repeated: false, salt: request.salt })
    expect(await lastChange()).toBe(before)
    expect(await book().secretsOf(key.id)).toHaveLength(2)
    await get().moveTo(NOON)
  })

  test('of the same request from many at once one rotates, and all have its answer', async () => {
    const key = await createKey(get())
    const request = aRequest()
    const all = await Promise.all(Array.from({ length: 8 }, () => rotate(key, { request })))
    expect(all.filter(({ repeated }) => !repeated)).toHaveLength(1)
    expect(new Set(all.map(({ digest }) => Buffer.from(digest).toString('hex'))).size).toBe(1)
    expect(await book().secretsOf(key.id)).toHaveLength(2)
  })

  test('a request that named another rotation is refused, and so is one whose secret has ended', async () => {
    const [key, other] = [await createKey(get()), await createKey(get())]
    const request = aRequest()
    await rotate(key, { request })
    for (const wrong of [() => rotate(other, { request }), () => rotate(key, { request, graceMs: 1 })])
      await expect(wrong()).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringContaining('another key or with another grace') as string,
      })
    await rotate(key, { graceMs: 0, force: true })
    await expect(rotate(key, { request })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('was itself replaced') as string,
    })
    expect(await book().secretsOf(other.id)).toHaveLength(1)
  })

  test('a second rotation waits for the first grace to end, unless forced: then two secrets live, the newest', async () => {
    const key = await createKey(get())
    const { digest: second } = await rotate(key)
    await expect(rotate(key)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/…abcd is accepted until 2026-11-21T13:00:00\.000Z/) as string,
    })
    expect(await find(key.digest)).toBeDefined()
    const { digest: third } = await rotate(key, { force: true })
    expect(await find(key.digest)).toBeUndefined()
    expect(await find(second)).toMatchObject({ secretUntilMs: NOON + HOUR_MS })
    expect(await find(third)).toMatchObject({ secretUntilMs: undefined })
    await get().moveTo(NOON + HOUR_MS)
    await rotate(key)
    expect(await find(second)).toBeUndefined()
    await get().moveTo(NOON)
  })

  test('a secret that has ended never comes back, by no verb', async () => {
    const key = await createKey(get())
    await rotate(key, { graceMs: 0 })
    await expect(rotate(key, { digest: key.digest })).rejects.toMatchObject({ code: 'conflict' })
    await expect(book().createKeys([aDraft({ digest: key.digest })])).rejects.toMatchObject({
      code: 'conflict',
    })
    expect(await find(key.digest)).toBeUndefined()
  })

  test('a revoked key is not rotated, not even by a request that was answered before', async () => {
    const key = await createKey(get())
    const request = aRequest()
    const { digest } = await rotate(key, { request })
    await book().revokeKey(key.id)
    await expect(rotate(key)).rejects.toMatchObject({ code: 'conflict' })
    await expect(rotate(key, { request })).rejects.toMatchObject({ code: 'conflict' })
    for (const secret of [digest, key.digest])
      expect(await find(secret)).toMatchObject({ id: key.id, revoked: true })
  })

  test('a secret that an older program made is told with the hint of its key', async () => {
    const key = await createKey(get())
    await get().write(`UPDATE key_secret SET hint = NULL, created_at = NULL WHERE key_id = '${key.id}'`)
    expect(await book().secretsOf(key.id)).toEqual([
      { hint: 'abcd', createdAtMs: undefined, endsAtMs: undefined },
    ])
    await rotate(key)
    expect((await book().secretsOf(key.id)).map(({ hint }) => hint)).toEqual(['wxyz', 'abcd'])
  })

  test('what cannot be is refused in words', async () => {
    const key = await createKey(get())
    for (const draft of [
      { graceMs: -1 },
      { graceMs: 1.5 },
      { graceMs: 367 * 24 * HOUR_MS },
      { digest: new Uint8Array(31) },
      { hint: 'x'.repeat(17) },
      { request: { digest: aDigest(), salt: new Uint8Array(15) } },
      { request: { digest: new Uint8Array(31), salt: new Uint8Array(16) } },
    ])
      await expect(rotate(key, draft), JSON.stringify(draft)).rejects.toMatchObject({ code: 'invalid' })
    await expect(book().rotateKey('key_none', aRotation())).rejects.toMatchObject({ code: 'not_found' })
    await expect(book().secretsOf('key_none')).rejects.toMatchObject({ code: 'not_found' })
    expect(await book().secretsOf(key.id)).toHaveLength(1)
  })

  test('an owner whose rotated keys are revoked can be deleted', async () => {
    const { ownerBook } = get().store
    await ownerBook.createOwner('leaving', NO_RULES)
    const key = await createKey(get(), { ownerPath: 'leaving' })
    await rotate(key)
    await book().revokeKey(key.id)
    await ownerBook.deleteOwner('leaving')
    expect(await find(key.digest)).toBeUndefined()
  })
})
