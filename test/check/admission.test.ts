// Routes, guardrails and listings: what a key promises is kept or refused, never quietly dropped.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createCheck } from '../../src/check/check.ts'
import type { KeyDraft } from '../../src/keys/key-book.ts'
import { createKeyDirectory } from '../../src/keys/key-directory.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { RequestParts } from '../support/check-requests.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import type { CheckRig } from '../support/check-rig.ts'
import { createCheckRig } from '../support/check-rig.ts'
import { toAuthRequest } from '../support/decoded-check.ts'

let rig: CheckRig
beforeEach(() => rig.forgetEverything())

const perDay = { unit: 'requests', period: 'day', zone: 'UTC', amount: 1 } as const
const create = (rules: Partial<KeyDraft['rules']>, more: Partial<KeyDraft> = {}) =>
  rig.createKey({ ...more, rules: { ...NO_RULES, ...rules } })
const ask = async (secret: string, parts: RequestParts = {}) => {
  const { decision } = await rig.ask({ headers: [['x-api-key', secret]], ...parts })
  return decision
}
const asking = (model: string): RequestParts => ({ body: JSON.stringify({ model }) })
const LISTING: RequestParts = { method: 'GET', path: '/v1/models' }

describe('without a catalogue', () => {
  beforeAll(async () => {
    rig = await createCheckRig()
    await rig.store.policyBook.createGuardrail('pii-mask')
  })
  afterAll(() => rig.close())

  test('no route is chosen and any path passes without a model', async () => {
    const { secret } = await create({})
    expect(await ask(secret, { path: '/anything', method: 'GET' })).toMatchObject({
      outcome: 'allow',
      model: undefined,
      route: undefined,
    })
  })

  test('a guardrail passes only where the Envoy route declares that its upstream enforces it', async () => {
    const { secret } = await create({ guardrails: ['pii-mask'] })
    const declare = (names: string) => ({ contextExtensions: { latchkey_guardrails: names } })
    expect(await ask(secret, declare('other, pii-mask'))).toMatchObject({
      outcome: 'allow',
      guardrails: ['pii-mask'],
    })
    for (const parts of [{}, declare(''), declare('pii-msak')])
      expect(await ask(secret, parts)).toMatchObject({ reason: 'policy_unresolved' })
  })

  test('GET /v1/models passes upstream and charges nothing, also when the limit is exhausted', async () => {
    const { id, secret } = await create({}, { limits: [perDay] })
    await ask(secret)
    expect(await ask(secret)).toMatchObject({ reason: 'quota_exhausted' })
    expect(await ask(secret, LISTING)).toMatchObject({ outcome: 'allow', limits: [] })
    expect((await rig.store.limitBook.listLimits(id)).map(({ used }) => used)).toEqual([1])
  })

  test('a policy that is taken away from the registry lets nothing pass, and names itself to the operator alone', async () => {
    await rig.store.policyBook.createPolicy({
      name: 'safe',
      models: undefined,
      deniedModels: [],
      guardrails: [],
    })
    const { secret } = await create({ policies: ['safe'] })
    expect(await ask(secret)).toMatchObject({ outcome: 'allow', policies: ['safe@1'] })
    const { find } = rig.store.keyStore
    const without = { policies: [], guardrails: [], models: [] }
    const emptied = {
      find: async (...asked: Parameters<typeof find>) => ({
        ...(await find(...asked)),
        registryVersion: 99,
        registry: without,
      }),
    }
    const options = {
      maxEntries: 10,
      maxBytes: 1e6,
      positiveTtlMs: 5_000,
      unfedTtlMs: 5_000,
      staleGraceMs: 0,
      absentTtlMs: 1_000,
      lookupTimeoutMs: 5_000,
    }
    const directory = createKeyDirectory({ store: emptied, clock: rig.clock, options })
    const check = createCheck({ ...rig.deps, directory })
    const decision = await check(
      toAuthRequest(aCheckRequest({ headers: [['x-api-key', secret]] })),
      rig.newCall(),
    )
    expect(decision).toMatchObject({ reason: 'policy_unresolved', detail: 'policy safe is not registered' })
    expect(JSON.stringify({ ...decision, key: undefined, detail: undefined })).not.toContain('safe')
  })
})

describe('with a catalogue', () => {
  beforeAll(async () => {
    rig = await createCheckRig()
    const { policyBook } = rig.store
    await policyBook.createGuardrail('pii-mask')
    await policyBook.createModel({ name: 'gpt-4o', route: 'openai', guardrails: [] })
    await policyBook.createModel({ name: 'llama-*', route: 'vllm', guardrails: ['pii-mask'] })
    await policyBook.createModel({ name: 'claude-x', route: 'anthropic', guardrails: [] })
  })
  afterAll(() => rig.close())

  test('the model chooses the route, for a key without any rule too', async () => {
    const { secret } = await create({})
    expect(await ask(secret, asking('gpt-4o'))).toMatchObject({
      outcome: 'allow',
      model: 'gpt-4o',
      route: 'openai',
    })
    expect(await ask(secret, asking('llama-3'))).toMatchObject({ outcome: 'allow', route: 'vllm' })
    expect(await ask(secret, asking('o3'))).toMatchObject({ reason: 'model_not_allowed' })
    expect(await ask(secret, { path: '/v1/files' })).toMatchObject({ reason: 'path_not_allowed' })
  })

  test('a guardrail is promised only on a route that enforces it, whatever Envoy’s first route declared', async () => {
    const { secret } = await create({ guardrails: ['pii-mask'] })
    const declared = { contextExtensions: { latchkey_guardrails: 'pii-mask' } }
    expect(await ask(secret, asking('llama-3'))).toMatchObject({ outcome: 'allow', guardrails: ['pii-mask'] })
    expect(await ask(secret, { ...asking('gpt-4o'), ...declared })).toMatchObject({
      reason: 'policy_unresolved',
    })
  })

  test('GET /v1/models lists the exact names that this very key may use, charging nothing, exhausted or not', async () => {
    const { id, secret } = await create({ models: ['gpt-*', 'llama-*'] }, { limits: [perDay] })
    const listing = { outcome: 'listing', models: ['gpt-4o'] }
    expect(await ask(secret, LISTING)).toMatchObject(listing)
    await ask(secret, asking('gpt-4o'))
    await ask(secret, asking('gpt-4o'))
    expect(await ask(secret, LISTING)).toMatchObject(listing)
    expect((await rig.store.limitBook.listLimits(id)).map(({ used }) => used)).toEqual([1])
  })

  test('a catalogue that changes is used with the next look-up, for keys that stay cached too', async () => {
    const { secret } = await create({})
    const other = await create({})
    expect(await ask(secret, asking('new-model'))).toMatchObject({ reason: 'model_not_allowed' })
    await rig.store.policyBook.createModel({ name: 'new-model', route: 'vllm', guardrails: [] })
    await ask(other.secret, asking('gpt-4o'))
    expect(await ask(secret, asking('new-model'))).toMatchObject({ outcome: 'allow', route: 'vllm' })
  })

  test('a policy that changes is used with the next look-up, for keys that stay cached too', async () => {
    const policy = { name: 'safe', models: undefined, deniedModels: [], guardrails: [] }
    await rig.store.policyBook.createPolicy(policy)
    const { secret } = await create({ policies: ['safe'] })
    const other = await create({})
    expect(await ask(secret, asking('gpt-4o'))).toMatchObject({ outcome: 'allow', policies: ['safe@1'] })
    await rig.store.policyBook.updatePolicy('safe', { deniedModels: ['gpt-*'] })
    await ask(other.secret, asking('gpt-4o'))
    expect(await ask(secret, asking('gpt-4o'))).toMatchObject({ reason: 'model_not_allowed' })
  })
})
