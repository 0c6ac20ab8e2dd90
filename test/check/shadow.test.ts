// Shadow mode lets pass what rules would refuse and tells of it: a key's uncharged, limits too; a policy's charged, limits in earnest.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Check } from '../../src/check/check.ts'
import { createCheck } from '../../src/check/check.ts'
import type { Decision, DenyReason } from '../../src/check/decision.ts'
import { deny, wouldDenyOf } from '../../src/check/decision.ts'
import { mayShadow } from '../../src/check/shadow.ts'
import { Failure } from '../../src/kernel/failure.ts'
import type { KeyDraft } from '../../src/keys/key-book.ts'
import type { Rules } from '../../src/policy/policy.ts'
import { NO_POLICY_RULES, NO_RULES } from '../../src/policy/policy.ts'
import type { RequestParts } from '../support/check-requests.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import type { CheckRig, MintedKey } from '../support/check-rig.ts'
import { createCheckRig } from '../support/check-rig.ts'
import { ALL_REASONS } from '../support/decisions.ts'
import { toAuthRequest } from '../support/decoded-check.ts'

let rig: CheckRig
let everywhere: Check
beforeAll(async () => {
  rig = await createCheckRig()
  everywhere = createCheck({ ...rig.deps, shadowMode: true })
  const { policyBook, ownerBook } = rig.store
  await policyBook.createGuardrail('pii-mask')
  await ownerBook.createOwner('off', NO_RULES)
  await ownerBook.setOwnerDisabled('off', true)
})
afterAll(() => rig.close())
beforeEach(() => rig.forgetEverything())

const perDay = { unit: 'requests', period: 'day', zone: 'UTC', amount: 2 } as const
const perMinute = { ...perDay, period: 'minute' } as const

type Draft = Partial<Omit<KeyDraft, 'digest' | 'hint'>>
const ruled = (rules: Partial<Rules>, more: Draft = {}): Draft => ({
  ...more,
  rules: { ...NO_RULES, ...rules },
})
const asking = (model: string) => JSON.stringify({ model })
const askAs = async (
  { secret }: MintedKey,
  { headers, ...parts }: RequestParts = {},
  check = createCheck(rig.deps),
) =>
  await check(
    toAuthRequest(aCheckRequest({ headers: headers ?? [['x-api-key', secret]], ...parts })),
    rig.newCall(),
  )
const usedBy = async (subject: string) =>
  (await rig.store.limitBook.listLimits(subject)).map(({ used }) => used)
const outcomeOf = (decision: Decision) =>
  decision.outcome === 'deny' ? decision.reason : [decision.outcome, wouldDenyOf(decision)?.reason]

/** What meets the reason with a key that has a limit, besides; undefined: what is no decision of a Check. */
type Meeting = Readonly<{ draft: Draft; parts?: (key: MintedKey) => RequestParts | Promise<RequestParts> }>
type Expected = Readonly<{ shadowed: boolean; meets: Meeting | undefined }>

const EXPECTED: Readonly<Record<DenyReason, Expected>> = {
  missing_key: { shadowed: false, meets: { draft: {}, parts: () => ({ headers: [] }) } },
  ambiguous_key: {
    shadowed: false,
    meets: {
      draft: {},
      parts: ({ secret }) => ({
        headers: [
          ['x-api-key', secret],
          ['api-key', 'x'],
        ],
      }),
    },
  },
  invalid_key: {
    shadowed: false,
    meets: {
      draft: {},
      parts: async ({ id }) => {
        await rig.store.keyBook.revokeKey(id)
        return {}
      },
    },
  },
  key_expired: { shadowed: false, meets: { draft: { notBeforeMs: 1, expiresAtMs: 2 } } },
  key_not_yet_valid: { shadowed: false, meets: { draft: { notBeforeMs: Date.UTC(2100, 0) } } },
  key_disabled: { shadowed: false, meets: { draft: { disabled: true } } },
  owner_disabled: { shadowed: false, meets: { draft: { ownerPath: 'off' } } },
  policy_unresolved: { shadowed: false, meets: { draft: ruled({ guardrails: ['pii-mask'] }) } },
  model_not_allowed: {
    shadowed: true,
    meets: { draft: ruled({ models: [] }), parts: () => ({ body: asking('o3') }) },
  },
  path_not_allowed: { shadowed: true, meets: { draft: ruled({ paths: [] }) } },
  network_not_allowed: { shadowed: true, meets: { draft: ruled({ networks: ['192.0.2.1'] }) } },
  outside_hours: { shadowed: true, meets: { draft: ruled({ hours: [] }) } },
  model_required: { shadowed: true, meets: { draft: ruled({ models: ['*'] }) } },
  request_malformed: {
    shadowed: true,
    meets: { draft: ruled({ models: ['*'] }), parts: () => ({ body: '[' }) },
  },
  model_conflict: {
    shadowed: true,
    meets: {
      draft: ruled({ models: ['*'] }),
      parts: () => ({ path: '/v1beta/models/a:generateContent', body: asking('b') }),
    },
  },
  body_too_large: {
    shadowed: true,
    meets: { draft: ruled({ models: ['*'] }), parts: () => ({ cut: true, body: '{' }) },
  },
  quota_exhausted: {
    shadowed: true,
    meets: { draft: { limits: [perDay, { ...perDay, period: 'total', amount: 0 }] } },
  },
  rate_limited: { shadowed: true, meets: { draft: { limits: [perDay, { ...perMinute, amount: 0 }] } } },
  store_unavailable: { shadowed: false, meets: undefined },
  overloaded: { shadowed: false, meets: undefined },
  deadline_exceeded: { shadowed: false, meets: undefined },
  internal_error: { shadowed: false, meets: undefined },
}

test.each(ALL_REASONS)('%s may be shadowed, or not, as said', (reason) => {
  expect(mayShadow(deny(reason, ''))).toBe(EXPECTED[reason].shadowed)
})

test.each(
  ALL_REASONS.flatMap((reason) => {
    const { meets, shadowed } = EXPECTED[reason]
    return meets === undefined ? [] : [{ reason, meets, shadowed }]
  }),
)(
  '$reason: refused in earnest; of a key or of all in shadow mode as said, uncharged',
  async ({ reason, meets, shadowed }) => {
    const { draft, parts } = meets
    const meet = async (shadow: boolean, check?: Check) => {
      const key = await rig.createKey({ limits: [perDay], ...draft, shadow })
      const decision = await askAs(key, await parts?.(key), check)
      expect(await usedBy(key.id)).toEqual((draft.limits ?? [perDay]).map(() => 0))
      return decision
    }
    expect(outcomeOf(await meet(false))).toEqual(reason)
    for (const decision of [await meet(true), await meet(false, everywhere)]) {
      expect(outcomeOf(decision)).toEqual(shadowed ? ['allow', reason] : reason)
      if (shadowed) expect(decision).toMatchObject({ limits: [], near: [], failedOpen: false })
    }
  },
)

describe('limits', () => {
  test('of several one that is exhausted keeps all of them unchanged, and what is within them is charged', async () => {
    await rig.store.ownerBook.createOwner('lim', NO_RULES)
    await rig.store.limitBook.createLimit('lim', { ...perDay, amount: 100 })
    const key = await rig.createKey({
      ownerPath: 'lim',
      shadow: true,
      limits: [perDay, { ...perDay, period: 'total', amount: 100 }],
    })
    for (let n = 0; n < 2; n += 1) expect(outcomeOf(await askAs(key))).toEqual(['allow', undefined])
    for (let n = 0; n < 5; n += 1) expect(outcomeOf(await askAs(key))).toEqual(['allow', 'quota_exhausted'])
    expect([await usedBy(key.id), await usedBy('lim')]).toEqual([[2, 2], [2]])
  })

  test('exhausted: one attempt to charge a second, however many requests, and once the window turns they are charged again', async () => {
    const key = await rig.createKey({ shadow: true, limits: [perMinute] })
    for (let n = 0; n < 2; n += 1) await askAs(key)
    expect(outcomeOf(await askAs(key))).toEqual(['allow', 'rate_limited'])
    rig.storeCalls()
    for (let n = 0; n < 50; n += 1) expect(outcomeOf(await askAs(key))).toEqual(['allow', 'rate_limited'])
    expect(rig.storeCalls()).toBe(0)
    rig.clock.advance(60_000)
    expect(outcomeOf(await askAs(key))).toEqual(['allow', undefined])
    expect(await usedBy(key.id)).toEqual([1])
  })

  test('a retry by Envoy is charged once, and one that would be refused not at all', async () => {
    const key = await rig.createKey({ shadow: true, limits: [perDay] })
    for (const id of ['a', 'a', 'b', 'b'])
      expect(outcomeOf(await askAs(key, { id }))).toEqual(['allow', undefined])
    for (const id of ['c', 'c'])
      expect(outcomeOf(await askAs(key, { id }))).toEqual(['allow', 'quota_exhausted'])
    expect(await usedBy(key.id)).toEqual([2])
  })

  test('an outage is no refusal: closed keys are refused, open ones pass, rules are told of all the same', async () => {
    const fails = () => Promise.reject(new Failure('store_unavailable', 'planted'))
    const check = createCheck({ ...rig.deps, ledger: { ...rig.deps.ledger, charge: fails } })
    const closed = await rig.createKey({ shadow: true, limits: [perDay] })
    await expect(askAs(closed, {}, check)).rejects.toMatchObject({ reason: 'store_unavailable' })
    const open = await rig.createKey({ shadow: true, limits: [perDay], failMode: 'open' })
    expect(await askAs(open, {}, check)).toMatchObject({
      outcome: 'allow',
      failedOpen: true,
      wouldDeny: undefined,
    })
    const outside = await rig.createKey(ruled({ hours: [] }, { shadow: true, limits: [perDay] }))
    expect(await askAs(outside, {}, check)).toMatchObject({
      failedOpen: false,
      wouldDeny: { reason: 'outside_hours' },
    })
  })
})

describe('a policy in shadow mode', () => {
  const policy = { ...NO_POLICY_RULES, shadow: true, deniedModels: ['o3'] }

  test('refuses nothing of what it would refuse; limits and other rules are in earnest, and charged', async () => {
    await rig.store.policyBook.createPolicy({ ...policy, name: 'trial', networks: [] })
    await rig.store.policyBook.createPolicy({
      ...policy,
      name: 'strict',
      shadow: false,
      deniedModels: ['gpt-2'],
    })
    const key = await rig.createKey(ruled({ policies: ['trial', 'strict'] }, { limits: [perDay] }))
    for (const used of [1, 2])
      expect(await askAs(key, { body: asking('o3') })).toMatchObject({
        outcome: 'allow',
        limits: [{ used }],
        policies: ['strict@1', 'trial@1'],
        wouldDeny: { reason: 'network_not_allowed' },
      })
    expect(outcomeOf(await askAs(key, { body: asking('gpt-2') }))).toBe('model_not_allowed')
    expect(outcomeOf(await askAs(key, { body: asking('o3') }))).toBe('quota_exhausted')
    expect(await usedBy(key.id)).toEqual([2])
  })

  test('what it admits is charged, and refused by the limit', async () => {
    await rig.store.policyBook.createPolicy({ ...policy, name: 'models' })
    const key = await rig.createKey(ruled({ policies: ['models'] }, { limits: [perDay] }))
    for (let n = 0; n < 2; n += 1)
      expect(outcomeOf(await askAs(key, { body: asking('gpt') }))).toEqual(['allow', undefined])
    expect(outcomeOf(await askAs(key, { body: asking('gpt') }))).toBe('quota_exhausted')
    expect(outcomeOf(await askAs(key, { body: asking('o3') }))).toBe('quota_exhausted')
    expect(await usedBy(key.id)).toEqual([2])
  })

  test('charges nothing where the key is in shadow mode itself', async () => {
    await rig.store.policyBook.createPolicy({ ...policy, name: 'both' })
    const key = await rig.createKey(ruled({ policies: ['both'] }, { limits: [perDay], shadow: true }))
    expect(outcomeOf(await askAs(key, { body: asking('o3') }))).toEqual(['allow', 'model_not_allowed'])
    expect(await usedBy(key.id)).toEqual([0])
  })

  test('its guardrails are demanded all the same, and the key’s own status', async () => {
    await rig.store.policyBook.createPolicy({ ...policy, name: 'guarded', guardrails: ['pii-mask'] })
    const key = await rig.createKey(ruled({ policies: ['guarded'] }))
    const declared = { contextExtensions: { latchkey_guardrails: 'pii-mask' }, body: asking('o3') }
    expect(outcomeOf(await askAs(key, { body: asking('o3') }))).toBe('policy_unresolved')
    expect(await askAs(key, declared)).toMatchObject({
      guardrails: ['pii-mask'],
      wouldDeny: { reason: 'model_not_allowed' },
    })
    await rig.store.keyBook.setKeyDisabled(key.id, true)
    rig.forgetEverything()
    expect(outcomeOf(await askAs(key, declared))).toBe('key_disabled')
  })

  test('switched off it refuses with the next look-up', async () => {
    await rig.store.policyBook.createPolicy({ ...policy, name: 'soon' })
    const key = await rig.createKey(ruled({ policies: ['soon'] }))
    expect(outcomeOf(await askAs(key, { body: asking('o3') }))).toEqual(['allow', 'model_not_allowed'])
    await rig.store.policyBook.updatePolicy('soon', { shadow: false })
    rig.forgetEverything()
    expect(outcomeOf(await askAs(key, { body: asking('o3') }))).toBe('model_not_allowed')
  })
})

describe('guardrails and lists with a catalogue', () => {
  let sheltered: CheckRig
  beforeAll(async () => {
    sheltered = await createCheckRig()
    const { policyBook } = sheltered.store
    await policyBook.createGuardrail('pii-mask')
    await policyBook.createModel({ name: 'llama', route: 'vllm', guardrails: ['pii-mask'] })
    await policyBook.createModel({ name: 'gpt', route: 'openai', guardrails: [] })
    await policyBook.createPolicy({ ...NO_POLICY_RULES, name: 'quiet', shadow: true, hours: [] })
  })
  afterAll(() => sheltered.close())
  const askOf = async (draft: Draft, parts: RequestParts) => {
    const key = await sheltered.createKey(draft)
    return (await sheltered.ask({ headers: [['x-api-key', key.secret]], ...parts })).decision
  }

  test('no guardrail is promised on a route that does not run it, nor where the model is unknown', async () => {
    const draft = ruled({ guardrails: ['pii-mask'], hours: [] }, { shadow: true })
    expect(await askOf(draft, { body: asking('llama') })).toMatchObject({
      route: 'vllm',
      guardrails: ['pii-mask'],
    })
    for (const body of [asking('gpt'), asking('nobody-knows'), '{', ''])
      expect(outcomeOf(await askOf(draft, { body }))).toBe('policy_unresolved')
  })

  test('a list of models is answered as it would be, and told of', async () => {
    const list = { method: 'GET', path: '/v1/models' }
    const draft = ruled({ models: ['gpt'], hours: [] }, { shadow: true })
    const wouldDeny = { reason: 'outside_hours' }
    expect(await askOf(draft, list)).toMatchObject({ outcome: 'listing', models: ['gpt'], wouldDeny })
    expect(await askOf(ruled({ policies: ['quiet'] }), list)).toMatchObject({
      models: ['gpt', 'llama'],
      wouldDeny,
    })
    expect(await askOf(draft, { ...list, path: '/v1/models/llama' })).toMatchObject({
      models: ['llama'],
      one: true,
      wouldDeny,
    })
  })
})
