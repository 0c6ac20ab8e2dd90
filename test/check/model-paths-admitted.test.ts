// A rule about models holds on every path that names one: Gemini's, Azure's, Realtime's, and one model's own.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { RequestParts } from '../support/check-requests.ts'
import type { CheckRig } from '../support/check-rig.ts'
import { createCheckRig } from '../support/check-rig.ts'

const perDay = { unit: 'requests', period: 'day', zone: 'UTC', amount: 100 } as const
const WEBSOCKET = [
  ['upgrade', 'websocket'],
  ['connection', 'Upgrade'],
] as const

let rig: CheckRig
let key: { id: string; secret: string }
let open: { id: string; secret: string }

beforeAll(async () => {
  rig = await createCheckRig()
  const rules = { ...NO_RULES, models: ['gemini-*', 'my-gpt', 'gpt-realtime'] }
  key = await rig.createKey({ rules, limits: [perDay] })
  open = await rig.createKey({ limits: [perDay] })
})
afterAll(() => rig.close())

const askWith = async (secret: string, { headers = [], ...parts }: RequestParts) => {
  const { decision } = await rig.ask({ headers: [['x-goog-api-key', secret], ...headers], ...parts })
  return decision
}
const ask = (parts: RequestParts) => askWith(key.secret, parts)

test.each<[string, RequestParts, string]>([
  ['Gemini', { path: '/v1beta/models/gemini-2.5-pro:generateContent', body: '{}' }, 'gemini-2.5-pro'],
  ['Azure', { path: '/openai/deployments/my-gpt/chat/completions?api-version=1', body: '{}' }, 'my-gpt'],
  [
    'Realtime',
    { method: 'GET', path: '/v1/realtime?model=gpt-realtime', headers: WEBSOCKET },
    'gpt-realtime',
  ],
  [
    'Realtime of Azure',
    { method: 'GET', path: '/openai/realtime?deployment=my-gpt', headers: WEBSOCKET },
    'my-gpt',
  ],
])('%s: the model that is named is admitted, told and charged', async (_, parts, model) => {
  expect(await ask(parts)).toMatchObject({ outcome: 'allow', model, limits: [{ amount: 100 }] })
  expect(await askWith(open.secret, parts)).toMatchObject({ outcome: 'allow', model })
})

test.each<[string, RequestParts, string]>([
  ['Gemini', { path: '/v1beta/models/other:generateContent', body: '{}' }, 'model_not_allowed'],
  [
    'Gemini, with an admitted model in the body',
    { path: '/v1beta/models/other:generateContent', body: '{"model":"my-gpt"}' },
    'model_conflict',
  ],
  ['Gemini, escaped', { path: '/v1beta/models/%6fther:generateContent', body: '{}' }, 'path_not_allowed'],
  ['Azure', { path: '/openai/deployments/other/chat/completions', body: '{}' }, 'model_not_allowed'],
  [
    'Azure, with an admitted model in the body',
    { path: '/openai/deployments/other/chat/completions', body: '{"model":"my-gpt"}' },
    'model_conflict',
  ],
  [
    'Azure’s newer paths',
    { path: '/openai/v1/chat/completions', body: '{"model":"other"}' },
    'model_not_allowed',
  ],
  ['Realtime', { method: 'GET', path: '/v1/realtime?model=other', headers: WEBSOCKET }, 'model_not_allowed'],
  ['Realtime without a model', { method: 'GET', path: '/v1/realtime', headers: WEBSOCKET }, 'model_required'],
  [
    'the live API of Gemini, which names its model later',
    {
      method: 'GET',
      path: '/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent',
      headers: WEBSOCKET,
    },
    'path_not_allowed',
  ],
  [
    'another protocol on the path of a chat',
    { path: '/v1/chat/completions', body: '{"model":"my-gpt"}', headers: WEBSOCKET },
    'path_not_allowed',
  ],
  ['a file', { path: '/v1/files', body: '{"model":"my-gpt"}' }, 'path_not_allowed'],
])('%s: refused under a rule about models, passed without one', async (_, parts, reason) => {
  expect(await ask(parts)).toMatchObject({ outcome: 'deny', reason })
  expect(await askWith(open.secret, parts)).toMatchObject({ outcome: 'allow' })
})

test('one model is asked for upstream, uncharged, when there is no catalogue, and only when it is admitted', async () => {
  const { secret, id } = await rig.createKey({
    rules: { ...NO_RULES, models: ['gemini-*'] },
    limits: [perDay],
  })
  const one = (path: string) => askWith(secret, { method: 'GET', path })
  expect(await one('/v1beta/models/gemini-2.5-pro')).toMatchObject({ outcome: 'allow', limits: [] })
  expect(await one('/v1/models/gpt-4o')).toMatchObject({ reason: 'model_not_allowed' })
  expect((await rig.store.limitBook.listLimits(id)).map(({ used }) => used)).toEqual([0])
})

test('a preflight without a key is refused like any other request: answering it is for the CORS filter in front', async () => {
  const preflight = [
    ['origin', 'https://app.test'],
    ['access-control-request-method', 'POST'],
  ] as const
  const { decision } = await rig.ask({ method: 'OPTIONS', headers: preflight })
  expect(decision).toMatchObject({ reason: 'missing_key' })
})

test('with a catalogue one model is answered like the list: by name or glob, for this very key', async () => {
  const { policyBook } = rig.store
  await policyBook.createModel({ name: 'gemini-*', route: 'gemini', guardrails: [] })
  await policyBook.createModel({ name: 'gpt-4o', route: 'openai', guardrails: [] })
  rig.forgetEverything()
  const { secret, id } = await rig.createKey({
    rules: { ...NO_RULES, models: ['gemini-*'] },
    limits: [perDay],
  })
  const one = (path: string) => askWith(secret, { method: 'GET', path })
  const listed = { outcome: 'listing', models: ['gemini-2.5-pro'], one: true }
  expect(await one('/v1beta/models/gemini-2.5-pro')).toMatchObject(listed)
  expect(await one('/v1/models/gpt-4o')).toMatchObject({ reason: 'model_not_allowed' })
  expect(await one('/v1beta/models')).toMatchObject({ outcome: 'listing', models: [] })
  expect((await rig.store.limitBook.listLimits(id)).map(({ used }) => used)).toEqual([0])
  expect(await askWith(secret, { path: '/v1beta/models/gemini-2.5-pro:countTokens' })).toMatchObject({
    outcome: 'allow',
    route: 'gemini',
  })
})
