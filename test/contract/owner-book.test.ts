// Owners as people manage them, on every store.
import { expect, test } from 'vitest'
import { NO_RULES } from '../../src/policy/policy.ts'
import { createKey, describeEveryStore, lookUp, NOON } from '../support/stores.ts'

const DAY = { unit: 'requests', period: 'day', zone: 'UTC', amount: 100 } as const

describeEveryStore('owners', (get) => {
  const book = () => get().store.ownerBook

  test('an owner is told whole, read back the same, and listed by path', async () => {
    const record = await book().createOwner('acme', { ...NO_RULES, models: [], deniedModels: ['x', 'x'] })
    expect(record).toEqual({
      id: expect.stringMatching(/^own_[0-9A-Za-z]{22}$/) as string,
      path: 'acme',
      disabled: false,
      rules: { ...NO_RULES, models: [], deniedModels: ['x'] },
      labels: {},
      createdAtMs: NOON,
    })
    expect(await book().getOwner('acme')).toEqual(record)
    await book().createOwner('acme/b', NO_RULES)
    await book().createOwner('acme/a', NO_RULES)
    expect((await book().listOwners()).map(({ path }) => path)).toEqual(['acme', 'acme/a', 'acme/b'])
  })

  test('the parent must exist unless parents are asked for', async () => {
    await expect(book().createOwner('new/team', NO_RULES)).rejects.toMatchObject({ code: 'not_found' })
    await book().createOwner('new/team/ann', { ...NO_RULES, models: ['a'] }, { withParents: true })
    expect(await book().getOwner('new')).toMatchObject({ rules: NO_RULES })
    expect(await book().getOwner('new/team')).toMatchObject({ rules: NO_RULES })
    expect(await book().getOwner('new/team/ann')).toMatchObject({ rules: { models: ['a'] } })
  })

  test('an owner exists once, also when two create it at the same instant', async () => {
    await book().createOwner('once', NO_RULES)
    await expect(book().createOwner('once', NO_RULES)).rejects.toMatchObject({ code: 'conflict' })
    const attempts = Array.from({ length: 8 }, () =>
      book().createOwner('race/team', NO_RULES, { withParents: true }),
    )
    const results = await Promise.allSettled(attempts)
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'conflict' })
  })

  test('owners made at the same instant below parents that nobody has made yet are all made', async () => {
    const paths = Array.from({ length: 6 }, (_, n) => `fresh/team/u${n}`)
    const other = await get().openAgain()
    const stores = [get().store, other]
    await Promise.all(
      paths.flatMap((path, n) =>
        stores
          .slice(n % 2, (n % 2) + 1)
          .map((store) => store.ownerBook.createOwner(path, NO_RULES, { withParents: true })),
      ),
    )
    await other.close()
    expect(
      (await book().listOwners()).map(({ path }) => path).filter((path) => path.startsWith('fresh')),
    ).toEqual(['fresh', 'fresh/team', ...paths])
  })

  test('paths that cannot be are refused, and those that could be taken for a key too', async () => {
    const forms = ['', 'Acme', 'a/b/c/d', 'a//b', '/a', 'a/', 'ä', 'a b', 'x'.repeat(64)]
    for (const path of [...forms, 'key_abc', 'key', 'key/search'])
      await expect(book().createOwner(path, NO_RULES), path).rejects.toMatchObject({ code: 'invalid' })
    await expect(book().getOwner('nobody')).rejects.toMatchObject({ code: 'not_found' })
    await expect(book().updateOwner('nobody', { rules: {} })).rejects.toMatchObject({ code: 'not_found' })
    await expect(book().setOwnerDisabled('nobody', true)).rejects.toMatchObject({ code: 'not_found' })
    await expect(book().deleteOwner('nobody')).rejects.toMatchObject({ code: 'not_found' })
  })

  test('an update changes the rules that are present, and names must exist', async () => {
    const { digest } = await createKey(get(), { ownerPath: 'rules' })
    await book().updateOwner('rules', { rules: { models: ['a'], deniedModels: ['b'] } })
    expect(await book().updateOwner('rules', { rules: { models: undefined } })).toMatchObject({
      rules: { models: undefined, deniedModels: ['b'] },
    })
    expect((await lookUp(get(), digest)).owners[0]?.rules).toMatchObject({
      models: undefined,
      deniedModels: ['b'],
    })
    await expect(book().updateOwner('rules', { rules: { policies: ['ghost'] } })).rejects.toMatchObject({
      code: 'not_found',
    })
    await expect(book().createOwner('ghosts', { ...NO_RULES, guardrails: ['ghost'] })).rejects.toMatchObject({
      code: 'not_found',
    })
  })

  test('an owner with owners or live keys below it is not deleted', async () => {
    await book().createOwner('full/team', NO_RULES, { withParents: true })
    await expect(book().deleteOwner('full')).rejects.toMatchObject({ code: 'conflict' })
    const { id } = await createKey(get(), { ownerPath: 'full/team' })
    await expect(book().deleteOwner('full/team')).rejects.toMatchObject({ code: 'conflict' })
    await get().store.keyBook.setKeyDisabled(id, true)
    await expect(book().deleteOwner('full/team')).rejects.toMatchObject({ code: 'conflict' })
  })

  test('an owner without live keys is deleted with what is left of its revoked ones, and its rows stay retired', async () => {
    const { keyBook, limitBook, keyStore, ledger } = get().store
    const { id, digest, key, quotas } = await createKey(get(), { ownerPath: 'gone/team', limits: [DAY] })
    const ownerLimit = await limitBook.createLimit('gone/team', DAY)
    const owned = (await lookUp(get(), digest)).owners[0]?.quotas ?? []
    await keyBook.revokeKey(id)
    await book().deleteOwner('gone/team')
    await book().deleteOwner('gone')
    expect((await keyStore.find(digest, -1, get().newCall())).key).toBeUndefined()
    await expect(keyBook.getKey(id)).rejects.toMatchObject({ code: 'not_found' })
    expect((await limitBook.listLimits()).map((limit) => limit.id)).not.toContain(ownerLimit.id)
    for (const quota of [key.usabilityQuota, ...quotas, ...owned])
      expect(await ledger.charge([quota], 1, get().newCall())).toEqual({ outcome: 'stale' })
    await book().createOwner('gone', NO_RULES)
  })

  test('a change of an owner touches all keys below it, and is told so', async () => {
    const seen: unknown[] = []
    await book().createOwner('told', NO_RULES)
    const stop = get().store.onChange((change) => seen.push(change))
    await book().setOwnerDisabled('told', true)
    await book().updateOwner('told', { rules: { models: ['a'] } })
    await book().deleteOwner('told')
    stop()
    const id = expect.stringMatching(/^own_/)
    expect(seen).toEqual(Array.from({ length: 3 }, () => ({ kind: 'owner', id })))
  })
})
