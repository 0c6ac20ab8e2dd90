// Keys come in by the digests of their secrets: all of them or none, and every fault is told.
import { describe, expect, test } from 'vitest'
import type { ImportOptions, KeyDraft } from '../../src/keys/key-book.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import {
  aDigest,
  aDraft,
  aRotation,
  createKey,
  describeEveryStore,
  lookUp,
  NOON,
  quotaRow,
} from '../support/stores.ts'

const DAY = { unit: 'requests', period: 'day', zone: 'UTC', amount: 100 } as const

describeEveryStore('import', (get) => {
  const book = () => get().store.keyBook
  const importing = (drafts: readonly KeyDraft[], more: Partial<ImportOptions> = {}) =>
    book().importKeys(drafts, { createOwners: false, dryRun: false, ...more })
  const faultsOf = (promise: Promise<unknown>) =>
    promise.then(
      () => 'imported',
      (error: { faults?: unknown }) => error.faults,
    )
  const count = async () => (await get().read('SELECT count(*) AS n FROM virtual_key'))[0]?.['n']

  test('a key comes with everything that it has, and is found by its secret at once', async () => {
    const { ownerBook, policyBook } = get().store
    await ownerBook.createOwner('come', NO_RULES)
    await policyBook.createGuardrail('mask')
    const draft = aDraft({
      name: 'from elsewhere',
      ownerPath: 'come',
      notBeforeMs: NOON - 1,
      expiresAtMs: NOON + 1_000,
      rules: { ...NO_RULES, models: ['gpt-*'], deniedModels: ['x'], guardrails: ['mask'] },
      limits: [DAY],
      failMode: 'open',
      disabled: true,
    })
    expect(await importing([draft])).toEqual({ created: 1, unchanged: [], ownersCreated: [] })
    const key = await lookUp(get(), draft.digest)
    expect(key).toMatchObject({
      name: 'from elsewhere',
      hint: 'abcd',
      disabled: true,
      failMode: 'open',
      notBeforeMs: NOON - 1,
      expiresAtMs: NOON + 1_000,
      rules: draft.rules,
      quotas: [{ amount: 100, period: 'day' }],
    })
    expect(await quotaRow(get(), key.usabilityQuota.id)).toMatchObject({ usable_until: 0 })
    expect(await book().secretsOf(key.id)).toMatchObject([{ hint: 'abcd' }])
  })

  test('again is no error: what is there stays as it is, and nobody is told', async () => {
    const drafts = [aDraft({ ownerPath: 'come' }), aDraft({ ownerPath: 'come' })]
    await importing(drafts)
    const [before, number] = [await count(), (await get().store.changes.last()).number]
    const renamed = drafts.map((draft) => ({ ...draft, name: 'other', disabled: true }))
    expect(await importing(renamed)).toEqual({ created: 0, unchanged: [0, 1], ownersCreated: [] })
    expect([await count(), (await get().store.changes.last()).number]).toEqual([before, number])
    const more = aDraft({ ownerPath: 'come' })
    expect(await importing([...drafts, more])).toEqual({ created: 1, unchanged: [0, 1], ownersCreated: [] })
  })

  test('every fault is told by its place, and nothing is imported', async () => {
    const revoked = await createKey(get(), { ownerPath: 'come' })
    await book().revokeKey(revoked.id)
    const rotated = await createKey(get(), { ownerPath: 'come' })
    await book().rotateKey(rotated.id, aRotation({ graceMs: 0 }))
    const before = await count()
    const common = { ownerPath: 'come' }
    const faults = await faultsOf(
      importing([
        aDraft(common),
        aDraft({ ...common, digest: revoked.digest }),
        aDraft({ ...common, digest: rotated.digest }),
        aDraft({ ownerPath: 'nobody' }),
        aDraft({ ...common, rules: { ...NO_RULES, policies: ['ghost'] } }),
        aDraft({ ...common, rules: { ...NO_RULES, guardrails: ['spirit'] } }),
      ]),
    )
    expect(faults).toEqual([
      { index: 1, sentence: expect.stringContaining(`${revoked.id}, which is revoked, for ever`) as string },
      { index: 2, sentence: expect.stringContaining('has ended') as string },
      { index: 3, sentence: 'owner "nobody" does not exist', lacksOwner: true },
      { index: 4, sentence: 'policy "ghost" does not exist' },
      { index: 5, sentence: 'guardrail "spirit" does not exist' },
    ])
    expect(await lookUp(get(), revoked.digest)).toMatchObject({ revoked: true })
    const twin = aDigest()
    const own = await faultsOf(
      importing([
        aDraft({ ...common, digest: twin }),
        aDraft({ ...common, name: '' }),
        aDraft({ ...common, digest: twin }),
        aDraft({ ...common, digest: new Uint8Array(20) }),
      ]),
    )
    expect(own).toEqual([
      { index: 1, sentence: expect.stringContaining('key name ""') as string },
      { index: 2, sentence: 'its secret stands in the file before' },
      { index: 3, sentence: 'the digest of a secret has 32 bytes' },
    ])
    expect(await count()).toBe(before)
  })

  test('missing owners are made when told, each once, with those above', async () => {
    const drafts = ['new/a', 'new/a/ann', 'new'].map((ownerPath) => aDraft({ ownerPath }))
    expect(await importing(drafts, { createOwners: true })).toEqual({
      created: 3,
      unchanged: [],
      ownersCreated: ['new', 'new/a', 'new/a/ann'],
    })
    expect(await faultsOf(importing([aDraft({ ownerPath: 'key/x' })], { createOwners: true }))).toEqual([
      { index: 0, sentence: 'an organisation cannot be named key' },
    ])
  })

  test('a dry run tells the same and writes nothing', async () => {
    const drafts = [aDraft({ ownerPath: 'dry' }), aDraft({ ownerPath: 'dry' })]
    const options = { createOwners: true, dryRun: true }
    const [before, number] = [await count(), (await get().store.changes.last()).number]
    expect(await importing(drafts, options)).toEqual({ created: 2, unchanged: [], ownersCreated: ['dry'] })
    expect([await count(), (await get().store.changes.last()).number]).toEqual([before, number])
    await expect(get().store.ownerBook.getOwner('dry')).rejects.toMatchObject({ code: 'not_found' })
    expect(await importing(drafts, { ...options, dryRun: false })).toMatchObject({ created: 2 })
  })

  test('a fault of the last of 1,000 leaves none of them', async () => {
    const drafts = Array.from({ length: 999 }, () => aDraft({ ownerPath: 'come' }))
    const before = await count()
    await expect(importing([...drafts, aDraft({ ownerPath: 'nobody' })])).rejects.toMatchObject({
      code: 'conflict',
    })
    expect(await count()).toBe(before)
  })

  test('more than 10,000 are too many', async () => {
    const draft = aDraft({ ownerPath: 'come' })
    await expect(importing(Array.from({ length: 10_001 }, () => draft))).rejects.toMatchObject({
      code: 'invalid',
      message: 'at most 10000 keys are imported at once',
    })
  })
})

describe.skipIf(process.env['LATCHKEY_PROVE'] !== '1')('with full counts', () => {
  describeEveryStore('import of many', (get) => {
    test('10,000 keys come in one transaction', { timeout: 300_000 }, async () => {
      const drafts = Array.from({ length: 10_000 }, () => aDraft({ ownerPath: 'many', limits: [DAY] }))
      const options = { createOwners: true, dryRun: false }
      expect(await get().store.keyBook.importKeys(drafts, options)).toMatchObject({ created: 10_000 })
      expect(await get().store.keyBook.importKeys(drafts, options)).toMatchObject({ created: 0 })
    })
  })
})
