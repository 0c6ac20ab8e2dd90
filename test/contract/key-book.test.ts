// Keys as people manage them, on every store.
import { expect, test } from 'vitest'
import type { KeyDraft } from '../../src/keys/key-book.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import { aDigest, aDraft, createKey, describeEveryStore, lookUp, NOON } from '../support/stores.ts'

const DAY = { unit: 'requests', period: 'day', zone: 'UTC', amount: 100 } as const
const NO_KEY = 'key_0000000000000000000000'

describeEveryStore('keys', (get) => {
  const book = () => get().store.keyBook
  const refused = (draft: Partial<KeyDraft>) => book().createKeys([aDraft({ ownerPath: 'acme', ...draft })])

  test('a created key is told whole and read back the same', async () => {
    await createKey(get())
    const draft = aDraft({
      name: 'ci',
      notBeforeMs: NOON,
      expiresAtMs: NOON + 1,
      rules: { ...NO_RULES, models: ['a', 'b'] },
    })
    const [record] = await book().createKeys([draft])
    expect(record).toEqual({
      id: expect.stringMatching(/^key_[0-9A-Za-z]{22}$/) as string,
      name: 'ci',
      hint: 'abcd',
      ownerPath: 'acme',
      disabled: false,
      revokedAtMs: undefined,
      notBeforeMs: NOON,
      expiresAtMs: NOON + 1,
      rules: { ...NO_RULES, models: ['a', 'b'] },
      failMode: 'closed',
      shadow: false,
      labels: {},
      createdAtMs: NOON,
    })
    expect(await book().getKey(record?.id ?? '')).toEqual(record)
    expect(await book().findKeyByDigest(draft.digest)).toEqual(record)
    expect(await book().digestOfKey(record?.id ?? '')).toEqual(draft.digest)
  })

  test('all drafts are created or none', async () => {
    const before = await book().listKeys({ pageSize: 1_000 })
    const twin = aDigest()
    const drafts = [aDraft(), aDraft({ digest: twin }), aDraft({ digest: twin })]
    await expect(book().createKeys(drafts)).rejects.toMatchObject({ code: 'conflict' })
    await expect(book().createKeys([aDraft(), aDraft({ ownerPath: 'nobody' })])).rejects.toMatchObject({
      code: 'not_found',
    })
    expect(await book().listKeys({ pageSize: 1_000 })).toEqual(before)
    const many = await book().createKeys(Array.from({ length: 250 }, () => aDraft({ limits: [DAY] })))
    expect(new Set(many.map(({ id }) => id)).size).toBe(250)
    const rows = await get().read(
      'SELECT count(DISTINCT quota_id) AS distinct_rows, count(*) AS all_rows FROM virtual_key',
    )
    expect(rows[0]?.['distinct_rows']).toBe(rows[0]?.['all_rows'])
  })

  test('a secret belongs to one key', async () => {
    const { digest } = await createKey(get())
    await expect(refused({ digest })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('secret') as string,
    })
  })

  test('a key with a name, time, hint, digest, model or limit that cannot be is refused in words', async () => {
    await createKey(get())
    for (const draft of [
      { name: '' },
      { name: ' ci' },
      { name: 'a\nb' },
      { name: 'x'.repeat(129) },
      { hint: 'x'.repeat(17) },
      { digest: new Uint8Array(31) },
      { notBeforeMs: NOON, expiresAtMs: NOON },
      { expiresAtMs: 1.5 },
      { expiresAtMs: -1 },
      { ownerPath: 'Acme' },
      { ownerPath: 'a/b/c/d' },
      { rules: { ...NO_RULES, models: ['two words'] } },
      { rules: { ...NO_RULES, models: Array.from({ length: 257 }, (_, n) => `m${n}`) } },
      { limits: [{ ...DAY, amount: -1 }] },
      { limits: [{ ...DAY, amount: 2 ** 53 }] },
      { limits: [{ ...DAY, zone: 'Mars/Olympus' }] },
      { limits: Array.from({ length: 17 }, () => DAY) },
    ])
      await expect(refused(draft), JSON.stringify(draft)).rejects.toMatchObject({
        name: 'Rejection',
        code: 'invalid',
      })
    await expect(refused({ limits: [DAY, DAY] })).rejects.toMatchObject({ code: 'conflict' })
  })

  test('a policy or guardrail that does not exist is refused by name', async () => {
    await createKey(get())
    for (const rules of [
      { ...NO_RULES, policies: ['ghost'] },
      { ...NO_RULES, guardrails: ['ghost'] },
    ])
      await expect(refused({ rules })).rejects.toMatchObject({
        code: 'not_found',
        message: expect.stringContaining('"ghost"') as string,
      })
    const { id } = await createKey(get())
    await expect(book().updateKey(id, { rules: { guardrails: ['ghost'] } })).rejects.toMatchObject({
      code: 'not_found',
    })
  })

  test('an update changes what is present, clears what is present as undefined, and leaves the rest', async () => {
    const { id, digest } = await createKey(get(), {
      expiresAtMs: NOON + 9,
      notBeforeMs: NOON - 9,
      rules: { ...NO_RULES, models: ['a'], deniedModels: ['b'] },
    })
    expect(await book().updateKey(id, { name: 'new' })).toMatchObject({ name: 'new', expiresAtMs: NOON + 9 })
    expect(await book().updateKey(id, { expiresAtMs: undefined })).toMatchObject({
      expiresAtMs: undefined,
      notBeforeMs: NOON - 9,
    })
    const changed = await book().updateKey(id, { notBeforeMs: undefined, rules: { models: undefined } })
    expect(changed).toMatchObject({
      name: 'new',
      notBeforeMs: undefined,
      rules: { models: undefined, deniedModels: ['b'] },
    })
    expect(await book().updateKey(id, { failMode: 'open' })).toEqual({ ...changed, failMode: 'open' })
    expect(await book().updateKey(id, { failMode: 'closed' })).toEqual(changed)
    expect(await book().getKey(id)).toEqual(changed)
    expect(await lookUp(get(), digest)).toMatchObject({
      name: 'new',
      rules: { models: undefined, deniedModels: ['b'] },
    })
    await expect(book().updateKey(id, { name: '' })).rejects.toMatchObject({ code: 'invalid' })
    await book().updateKey(id, { notBeforeMs: NOON })
    await expect(book().updateKey(id, { expiresAtMs: NOON })).rejects.toMatchObject({ code: 'invalid' })
  })

  test('revoking is for ever, keeps the first instant, and ends every other change', async () => {
    const { id } = await createKey(get())
    expect(await book().revokeKey(id)).toMatchObject({ revokedAtMs: NOON })
    await get().moveTo(NOON + 5)
    expect(await book().revokeKey(id)).toMatchObject({ revokedAtMs: NOON })
    await get().moveTo(NOON)
    await expect(book().updateKey(id, { name: 'x' })).rejects.toMatchObject({ code: 'conflict' })
    await expect(book().setKeyDisabled(id, false)).rejects.toMatchObject({ code: 'conflict' })
    await expect(get().store.limitBook.createLimit(id, DAY)).rejects.toMatchObject({ code: 'conflict' })
    expect(await book().getKey(id)).toMatchObject({ disabled: false })
  })

  test('a key that does not exist is not found, by any verb', async () => {
    for (const id of [NO_KEY, '', 'key_', `${NO_KEY} `, "key_' OR 1=1"]) {
      const verbs = [
        () => book().getKey(id),
        () => book().digestOfKey(id),
        () => book().updateKey(id, { name: 'x' }),
        () => book().setKeyDisabled(id, true),
        () => book().revokeKey(id),
      ]
      for (const verb of verbs) await expect(verb()).rejects.toMatchObject({ code: 'not_found' })
    }
    expect(await book().findKeyByDigest(aDigest())).toBeUndefined()
  })

  test('ids are compared byte by byte', async () => {
    const { id } = await createKey(get())
    const swapped =
      id.slice(0, 4) +
      id.slice(4).replace(/[a-zA-Z]/g, (c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()))
    await expect(book().getKey(swapped)).rejects.toMatchObject({ code: 'not_found' })
  })

  test('lists go by id in pages, below an owner, with or without what is revoked', async () => {
    for (const ownerPath of ['list', 'list/a', 'list/a/ann', 'list/ab', 'listed', 'list-x'])
      await createKey(get(), { ownerPath })
    const under = await book().listKeys({ ownerPath: 'list', pageSize: 10 })
    expect(under.map(({ ownerPath }) => ownerPath).toSorted()).toEqual([
      'list',
      'list/a',
      'list/a/ann',
      'list/ab',
    ])
    expect(under.map(({ id }) => id)).toEqual(under.map(({ id }) => id).toSorted())
    expect(
      (await book().listKeys({ ownerPath: 'list/a', pageSize: 10 }))
        .map(({ ownerPath }) => ownerPath)
        .toSorted(),
    ).toEqual(['list/a', 'list/a/ann'])
    const first = await book().listKeys({ ownerPath: 'list', pageSize: 3 })
    const rest = await book().listKeys({ ownerPath: 'list', pageSize: 3, afterId: first[2]?.id ?? '' })
    expect([...first, ...rest]).toEqual(under)
    await book().revokeKey(under[0]?.id ?? '')
    expect(await book().listKeys({ ownerPath: 'list', pageSize: 10 })).toHaveLength(3)
    expect(await book().listKeys({ ownerPath: 'list', pageSize: 10, includeRevoked: true })).toHaveLength(4)
    await expect(book().listKeys({ ownerPath: 'nobody', pageSize: 10 })).rejects.toMatchObject({
      code: 'not_found',
    })
    for (const pageSize of [0, 1_001, 1.5])
      await expect(book().listKeys({ pageSize })).rejects.toMatchObject({ code: 'invalid' })
  })

  test('each commit is told once, after it can be seen', async () => {
    const { id, digest } = await createKey(get())
    const seen: unknown[] = []
    const stop = get().store.onChange((change) => seen.push(change))
    await book().setKeyDisabled(id, true)
    expect(seen).toEqual([{ kind: 'key', id }])
    expect(get().store.isAnnounced((await get().store.changes.last()).token)).toBe(true)
    expect(get().store.isAnnounced(0)).toBe(false)
    expect(await lookUp(get(), digest)).toMatchObject({ disabled: true })
    await expect(book().updateKey(id, { name: '' })).rejects.toThrow()
    expect(seen).toHaveLength(1)
    stop()
    await book().setKeyDisabled(id, false)
    expect(seen).toHaveLength(1)
  })
})
