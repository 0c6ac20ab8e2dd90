// Explain runs the steps of a Check, names the value that decided each, and charges nothing.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { DenyReason } from '../../src/check/decision.ts'
import { deny } from '../../src/check/decision.ts'
import type { Explain, ExplainQuestion } from '../../src/check/explain.ts'
import { createExplain } from '../../src/check/explain.ts'
import { mayShadow } from '../../src/check/shadow.ts'
import { digestSecret } from '../../src/keys/secret.ts'
import type { Rules } from '../../src/policy/policy.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { CheckRig } from '../support/check-rig.ts'
import { createCheckRig } from '../support/check-rig.ts'
import { ALL_REASONS } from '../support/decisions.ts'

let rig: CheckRig
let explain: Explain
beforeAll(async () => {
  rig = await createCheckRig()
  explain = createExplain(rig.deps)
  await rig.store.policyBook.createGuardrail('pii-mask')
  await rig.store.ownerBook.createOwner('off', NO_RULES)
  await rig.store.ownerBook.setOwnerDisabled('off', true)
})
afterAll(() => rig.close())
beforeEach(() => rig.forgetEverything())

const question = (secret: string | Uint8Array, model?: string): ExplainQuestion => ({
  secret,
  method: 'POST',
  path: '/v1/chat/completions',
  model,
  address: undefined,
  declaredGuardrails: undefined,
})
const ask = async (...asked: Parameters<typeof question>) => {
  const { steps, outcome } = await explain(question(...asked), rig.newCall())
  return { outcome, last: steps.at(-1), names: steps.map(({ step }) => step) }
}
const perDay = { unit: 'requests', period: 'day', zone: 'UTC', amount: 1 } as const

test('a key that may pass: every step, each with its value, and no unit is charged', async () => {
  const { id, secret } = await rig.createKey({
    limits: [perDay],
    rules: { ...NO_RULES, models: ['gpt-4o*'] },
  })
  const answer = await ask(secret, 'gpt-4o-mini')
  expect(answer).toMatchObject({
    outcome: 'allow',
    names: ['form', 'key', 'status', 'model', 'guardrails', 'policy', 'quota'],
  })
  expect(answer.last?.value).toMatch(/^key: 0 of 1 requests per day \(UTC\), 1 left, resets at /)
  expect((await rig.store.limitBook.listLimits(id)).map(({ used }) => used)).toEqual([0])
})

test('each step that refuses is the last one told', async () => {
  const ruled = await rig.createKey({ rules: { ...NO_RULES, models: ['gpt-4o'] } })
  const disabled = await rig.createKey()
  await rig.store.keyBook.setKeyDisabled(disabled.id, true)
  const limited = await rig.createKey({ limits: [perDay] })
  await rig.ask({ headers: [['x-api-key', limited.secret]] })
  expect((await ask('lk_nonsense')).last).toMatchObject({ step: 'form', passed: false })
  expect((await ask(digestSecret('nobody'))).last).toMatchObject({
    step: 'key',
    value: 'invalid_key: unknown',
  })
  expect((await ask(disabled.secret)).last).toMatchObject({
    step: 'status',
    value: expect.stringMatching(/^key_disabled/),
  })
  expect((await ask(ruled.secret, 'o3')).last).toMatchObject({
    step: 'model',
    value: 'model_not_allowed: The model "o3" is not allowed for this API key.',
  })
  expect((await ask(limited.secret)).last).toMatchObject({
    step: 'quota',
    value: expect.stringMatching(/^quota_exhausted/),
  })
})

test('a key is explained by the digest of its secret too, and no secret is in the words', async () => {
  const { secret } = await rig.createKey()
  const { steps, outcome } = await explain(question(digestSecret(secret)), rig.newCall())
  expect(outcome).toBe('allow')
  expect(JSON.stringify(steps)).not.toContain(secret)
})

/** What each reason is explained by, for a key with these rules; `undefined`: explain is never told so. */
type Told = Readonly<{
  draft: Parameters<CheckRig['createKey']>[0]
  asked?: Partial<ExplainQuestion>
  last: readonly [step: string, value: string]
}>
const rules = (more: Partial<Rules>) => ({ rules: { ...NO_RULES, ...more } })

const TOLD: Readonly<Record<DenyReason, Told | undefined>> = {
  missing_key: undefined,
  ambiguous_key: undefined,
  invalid_key: { draft: {}, asked: { secret: digestSecret('nobody') }, last: ['key', 'unknown'] },
  key_expired: { draft: { notBeforeMs: 1, expiresAtMs: 2 }, last: ['status', 'This API key has expired.'] },
  key_not_yet_valid: {
    draft: { notBeforeMs: Date.UTC(2100, 0) },
    last: ['status', 'This API key is not valid yet.'],
  },
  key_disabled: { draft: { disabled: true }, last: ['status', 'This API key is disabled.'] },
  owner_disabled: { draft: { ownerPath: 'off' }, last: ['status', 'The owner of this API key is disabled.'] },
  path_not_allowed: {
    draft: rules({ paths: ['GET /v1/files', '/v1/models'] }),
    last: ['path', 'paths admit GET /v1/files, /v1/models'],
  },
  network_not_allowed: {
    draft: rules({ deniedNetworks: ['192.0.2.0/24'] }),
    asked: { address: '192.0.2.7' },
    last: ['network', 'networks deny 192.0.2.0/24'],
  },
  outside_hours: {
    draft: rules({ hours: [] }),
    last: ['hours', '2026-11-21T12:00:00.000Z: hours admit nothing'],
  },
  model_not_allowed: {
    draft: rules({ models: ['gpt-4o'] }),
    asked: { model: 'o3' },
    last: ['model', 'The model "o3" is not allowed for this API key.'],
  },
  model_required: { draft: rules({ models: ['gpt-4o'] }), last: ['model', 'The request must name a model.'] },
  request_malformed: {
    draft: rules({ models: ['*'] }),
    asked: { model: 'a,b' },
    last: ['model', 'The model "a,b" must be 1 to 256 visible ASCII characters without comma.'],
  },
  model_conflict: {
    draft: rules({ models: ['*'] }),
    asked: { path: '/v1beta/models/a:generateContent', model: 'b' },
    last: ['model', 'The model in the body differs from the model in the path.'],
  },
  body_too_large: undefined,
  policy_unresolved: {
    draft: rules({ guardrails: ['pii-mask'] }),
    last: ['guardrails', 'guardrail pii-mask is enforced by no upstream of this request'],
  },
  quota_exhausted: {
    draft: { limits: [{ ...perDay, amount: 0 }] },
    last: [
      'quota',
      'The limit of 0 requests per day of this API key is exhausted; it resets at 2026-11-22T00:00:00.000Z.',
    ],
  },
  rate_limited: {
    draft: { limits: [{ ...perDay, period: 'minute', amount: 0 }] },
    last: [
      'quota',
      'The limit of 0 requests per minute of this API key is exhausted; it resets at 2026-11-21T12:01:00.000Z.',
    ],
  },
  store_unavailable: undefined,
  overloaded: undefined,
  deadline_exceeded: undefined,
  internal_error: undefined,
}

const TOLD_REASONS = ALL_REASONS.flatMap((reason) => {
  const told = TOLD[reason]
  return told === undefined ? [] : [{ reason, told }]
})

test.each(TOLD_REASONS)(
  '$reason: refused at its step, with what decided; in shadow mode told as that',
  async ({ reason, told }) => {
    const { draft, asked = {}, last } = told
    const [step, value] = last
    const { secret } = await rig.createKey(draft)
    const earnest = await explain({ ...question(secret), ...asked }, rig.newCall())
    expect(earnest).toMatchObject({ outcome: 'deny', denied: { reason } })
    expect(earnest.steps.at(-1)).toEqual({ step, passed: false, value: `${reason}: ${value}` })
    expect(earnest.steps.slice(0, -1).every(({ passed }) => passed)).toBe(true)
    const other = await rig.createKey({ ...draft, shadow: true })
    const shadowed = await explain({ ...question(other.secret), ...asked }, rig.newCall())
    if (mayShadow(deny(reason, ''))) {
      expect(shadowed).toMatchObject({ outcome: 'allow', denied: undefined })
      expect(shadowed.steps.at(-1)).toEqual({
        step: 'shadow',
        passed: true,
        value: `would be refused, but for shadow mode: ${reason}: ${value}`,
      })
    } else expect(shadowed).toMatchObject({ outcome: 'deny', denied: { reason } })
  },
)

test('what only a policy in shadow mode would refuse is told last, and refused all the same by an exhausted limit', async () => {
  await rig.store.policyBook.createPolicy({ name: 'trial', shadow: true, hours: [] })
  const draft = { rules: { ...NO_RULES, policies: ['trial'] }, limits: [perDay] }
  const { secret } = await rig.createKey(draft)
  expect(await ask(secret)).toMatchObject({ outcome: 'allow', last: { step: 'shadow' } })
  await rig.ask({ headers: [['x-api-key', secret]] })
  expect(await ask(secret)).toMatchObject({ outcome: 'deny', last: { step: 'quota', passed: false } })
})

test('what was passed is told with its value: path, address, hour; and the list of models', async () => {
  const draft = rules({ paths: ['*'], networks: ['192.0.2.0/24'], hours: ['00:00-24:00'] })
  const { secret } = await rig.createKey(draft)
  const { steps } = await explain({ ...question(secret, 'o3'), address: '192.0.2.7' }, rig.newCall())
  expect(steps.slice(3).map(({ step, value }) => [step, value])).toEqual([
    ['path', 'POST /v1/chat/completions is admitted'],
    ['network', '192.0.2.7 is admitted'],
    ['hours', '2026-11-21T12:00:00.000Z is admitted'],
    ['model', 'no rule about models'],
    ['guardrails', 'none; route none'],
    ['policy', 'policies none'],
    ['quota', 'no limit applies'],
  ])
})
