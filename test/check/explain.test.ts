// Explain runs the steps of a Check, names the value that decided each, and charges nothing.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Explain, ExplainQuestion } from '../../src/check/explain.ts'
import { createExplain } from '../../src/check/explain.ts'
import { digestSecret } from '../../src/keys/secret.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { CheckRig } from '../support/check-rig.ts'
import { createCheckRig } from '../support/check-rig.ts'

let rig: CheckRig
let explain: Explain
beforeAll(async () => {
  rig = await createCheckRig()
  explain = createExplain(rig.deps)
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
