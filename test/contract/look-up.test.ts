// Everything one look-up brings, on every store.
import { expect, test } from 'vitest'
import { NO_RULES } from '../../src/policy/policy.ts'
import { FOREVER } from '../../src/quota/quota.ts'
import { aDigest, aDraft, createKey, describeEveryStore, lookUp, NOON } from '../support/stores.ts'

const DAY = { unit: 'requests', period: 'day', zone: 'Europe/Berlin', amount: 100 } as const

describeEveryStore('look-up', (get) => {
  const find = (digest: Uint8Array, known = -1, call = get().newCall()) =>
    get().store.keyStore.find(digest, known, call)

  test('one look-up brings the key, its owners from leaf to root, and the rules and limits of each', async () => {
    const { ownerBook, limitBook, policyBook } = get().store
    await policyBook.createGuardrail('pii')
    await policyBook.createPolicy({ name: 'base', models: undefined, deniedModels: [], guardrails: [] })
    const labels = { team: 'nobody', cost: '7' }
    await ownerBook.createOwner('acme', { ...NO_RULES, deniedModels: ['o1*'], hours: [] }, { labels })
    await ownerBook.createOwner('acme/search', { ...NO_RULES, models: [] })
    await ownerBook.createOwner('acme/search/ann', { ...NO_RULES, guardrails: ['pii'] })
    await limitBook.createLimit('acme', { ...DAY, amount: FOREVER })
    await limitBook.createLimit('acme/search/ann', { ...DAY, amount: 0 })
    const draft = aDraft({
      name: 'Schlüssel ☂',
      ownerPath: 'acme/search/ann',
      notBeforeMs: NOON - 1,
      expiresAtMs: NOON + 1,
      rules: {
        ...NO_RULES,
        models: ['gpt-4o*', 'o"3'],
        deniedModels: ['x'],
        policies: ['base'],
        guardrails: ['pii'],
        paths: ['POST /v1/*', "/v1/it's"],
        deniedPaths: [],
        networks: ['10.0.0.0/8', '2001:db8::/32'],
        deniedNetworks: ['10.1.2.3'],
        hours: ['Mon-Fri 08:00-18:00@Europe/Berlin'],
      },
      shadow: true,
      labels: { team: 'search', env: "it's" },
      limits: [DAY, { ...DAY, period: 'total', zone: 'UTC', amount: 1 }],
      failMode: 'open',
    })
    const [record] = await get().store.keyBook.createKeys([draft])
    const call = get().newCall()
    const { key } = await find(draft.digest, -1, call)
    expect(call.storeReads).toBe(1)
    const id = expect.any(Number) as number
    const limit = { unit: 'requests', implicit: false, id }
    expect(key).toEqual({
      id: record?.id,
      name: 'Schlüssel ☂',
      hint: 'abcd',
      disabled: false,
      revoked: false,
      failMode: 'open',
      shadow: true,
      labels: { team: 'search', env: "it's", cost: '7' },
      notBeforeMs: NOON - 1,
      expiresAtMs: NOON + 1,
      rules: draft.rules,
      quotas: [
        { ...limit, subject: 'key', period: 'day', zone: 'Europe/Berlin', amount: 100 },
        { ...limit, subject: 'key', period: 'total', zone: 'UTC', amount: 1 },
      ],
      usabilityQuota: {
        id,
        subject: 'key',
        unit: 'requests',
        period: 'total',
        zone: 'UTC',
        amount: FOREVER,
        implicit: true,
      },
      owners: [
        {
          id: expect.stringMatching(/^own_[0-9A-Za-z]{22}$/) as string,
          path: 'acme/search/ann',
          disabled: false,
          rules: { ...NO_RULES, guardrails: ['pii'] },
          quotas: [{ ...limit, subject: 'acme/search/ann', period: 'day', zone: 'Europe/Berlin', amount: 0 }],
        },
        {
          id: expect.any(String) as string,
          path: 'acme/search',
          disabled: false,
          rules: { ...NO_RULES, models: [] },
          quotas: [],
        },
        {
          id: expect.any(String) as string,
          path: 'acme',
          disabled: false,
          rules: { ...NO_RULES, deniedModels: ['o1*'], hours: [] },
          quotas: [{ ...limit, subject: 'acme', period: 'day', zone: 'Europe/Berlin', amount: FOREVER }],
        },
      ],
    })
    expect(key?.id).toMatch(/^key_[0-9A-Za-z]{22}$/)
  })

  test('a key of an organisation has one owner and no limits of its own', async () => {
    const { key } = await createKey(get(), { ownerPath: 'solo' })
    expect(key.owners.map(({ path }) => path)).toEqual(['solo'])
    expect(key.quotas).toEqual([])
  })

  test('a digest that nobody has is absent, in one read that brings the registry all the same', async () => {
    const call = get().newCall()
    const lookup = await find(aDigest(), -1, call)
    expect(lookup.key).toBeUndefined()
    expect(lookup.registry).toBeDefined()
    expect(call.storeReads).toBe(1)
  })

  test('a digest is compared whole: one bit more is another key', async () => {
    const { digest } = await createKey(get())
    const other = digest.slice()
    other[31] = 1
    expect((await find(other)).key).toBeUndefined()
    expect((await find(digest.slice(0, 31))).key).toBeUndefined()
  })

  test('a secret whose own time has passed by the database’s clock is absent', async () => {
    const { id, digest } = await createKey(get())
    const second = aDigest()
    const at = NOON + 60_000
    await writeSecret(second, id, at)
    await get().moveTo(at - 1)
    expect((await find(second)).key?.id).toBe(id)
    expect((await get().store.keyBook.findKeyByDigest(second))?.id).toBe(id)
    await get().moveTo(at)
    expect((await find(second)).key).toBeUndefined()
    expect(await get().store.keyBook.findKeyByDigest(second)).toBeUndefined()
    expect(await get().store.keyBook.digestOfKey(id)).toEqual(digest)
    await get().moveTo(NOON)
  })

  test('disabled, revoked and owner-disabled keys are found, and say so', async () => {
    const disabled = await createKey(get(), { ownerPath: 'said' })
    await get().store.keyBook.setKeyDisabled(disabled.id, true)
    expect(await lookUp(get(), disabled.digest)).toMatchObject({ disabled: true, revoked: false })
    await get().store.keyBook.revokeKey(disabled.id)
    expect(await lookUp(get(), disabled.digest)).toMatchObject({ revoked: true })
    await get().store.ownerBook.setOwnerDisabled('said', true)
    expect((await lookUp(get(), disabled.digest)).owners[0]).toMatchObject({ disabled: true })
  })

  test('the registry comes only when its version is not the one that is known', async () => {
    const first = await find(aDigest())
    expect((await find(aDigest(), first.registryVersion)).registry).toBeUndefined()
    await get().store.policyBook.createGuardrail('late')
    const second = await find(aDigest(), first.registryVersion)
    expect(second.registryVersion).toBeGreaterThan(first.registryVersion)
    expect(second.registry?.guardrails).toContain('late')
    expect((await find(aDigest(), second.registryVersion)).registry).toBeUndefined()
  })

  test('a look-up that nobody waits for any more is not sent', async () => {
    const gone = get().newCall()
    gone.cancelled = true
    await expect(find(aDigest(), -1, gone)).rejects.toMatchObject({ reason: 'deadline_exceeded' })
    await expect(find(aDigest(), -1, get().newCall(0))).rejects.toMatchObject({ reason: 'deadline_exceeded' })
  })

  const writeSecret = async (digest: Uint8Array, keyId: string, notAfterMs: number) => {
    const hex = Buffer.from(digest).toString('hex')
    await get().write(
      `INSERT INTO key_secret (hash, key_id, not_after) VALUES (X'${hex}', '${keyId}', ${notAfterMs})`,
    )
  }
})
