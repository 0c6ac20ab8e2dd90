// A rule about paths admits what it says, and is no way past a rule about models.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Rules } from '../../src/policy/policy.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { RequestParts } from '../support/check-requests.ts'
import type { CheckRig } from '../support/check-rig.ts'
import { createCheckRig } from '../support/check-rig.ts'

let rig: CheckRig
beforeAll(async () => {
  rig = await createCheckRig()
})
afterAll(() => rig.close())

const keyOf = async (rules: Partial<Rules>) =>
  (await rig.createKey({ rules: { ...NO_RULES, ...rules } })).secret
const ask = async (secret: string, { headers = [], ...parts }: RequestParts) => {
  const { decision } = await rig.ask({ headers: [['x-api-key', secret], ...headers], ...parts })
  return decision.outcome === 'deny' ? decision.reason : decision.outcome
}
const WEBSOCKET = [
  ['connection', 'Upgrade'],
  ['upgrade', 'websocket'],
] as const
const MINE = '{"model":"mine"}'
const OTHER = '{"model":"other"}'
const MULTIPART = '--x\r\ncontent-disposition: form-data; name="model"\r\n\r\nother\r\n--x--\r\n'

describe('under a rule about models, where only a star admits the path', () => {
  let secret: string
  beforeAll(async () => {
    secret = await keyOf({ models: ['mine'], paths: ['*'] })
  })

  test.each<[string, RequestParts, string]>([
    ['a chat with the model', { body: MINE }, 'allow'],
    ['a chat with another', { body: OTHER }, 'model_not_allowed'],
    ['a path that nobody knows, with the model', { path: '/v2/chat', body: MINE }, 'allow'],
    ['a path that nobody knows, with another', { path: '/v2/chat', body: OTHER }, 'model_not_allowed'],
    ['a path that nobody knows, with none', { path: '/v2/chat', body: '{}' }, 'model_required'],
    [
      'a path that nobody knows, with two',
      { path: '/v2/chat', body: '{"model":"mine","model":"other"}' },
      'request_malformed',
    ],
    ['nothing in the body', { path: '/v2/chat' }, 'model_required'],
    ['a form', { path: '/v1/audio/transcriptions', body: MULTIPART }, 'request_malformed'],
    ['a body that was cut', { path: '/v2/chat', body: MINE, cut: true }, 'body_too_large'],
    [
      'a compressed body',
      { path: '/v2/chat', body: MINE, headers: [['content-encoding', 'gzip']] },
      'request_malformed',
    ],
    ['PUT', { method: 'PUT', body: OTHER }, 'model_not_allowed'],
    ['PATCH without a body', { method: 'PATCH', path: '/v2/chat' }, 'model_required'],
    ['a method in lower case', { method: 'post', body: OTHER }, 'model_not_allowed'],
    ['a slash more', { path: '/v1/chat/completions/', body: OTHER }, 'model_not_allowed'],
    ['GET of a file', { method: 'GET', path: '/v1/files/x' }, 'allow'],
    [
      'DELETE of a file',
      { method: 'DELETE', path: '/v1/files/x', headers: [['content-length', '0']] },
      'allow',
    ],
    [
      'GET with another model in its body',
      { method: 'GET', path: '/v2/chat', body: OTHER },
      'model_not_allowed',
    ],
    ['GET with the model in its body', { method: 'GET', path: '/v2/chat', body: MINE }, 'allow'],
    ['GET with a form', { method: 'GET', path: '/v2/chat', body: MULTIPART }, 'request_malformed'],
    [
      'GET with a body that Envoy does not show',
      { method: 'GET', path: '/v2/chat', headers: [['content-length', '17']] },
      'body_too_large',
    ],
    [
      'GET with a chunked body that Envoy does not show',
      { method: 'GET', path: '/v2/chat', headers: [['transfer-encoding', 'chunked']] },
      'body_too_large',
    ],
    [
      'GET with a body that was cut',
      { method: 'GET', path: '/v2/chat', body: MINE, cut: true },
      'body_too_large',
    ],
    [
      'GET that says it is a POST',
      {
        method: 'GET',
        path: '/v1beta/models/other:generateContent',
        headers: [['x-http-method-override', 'POST']],
      },
      'path_not_allowed',
    ],
    [
      'a websocket that names its model later',
      {
        method: 'GET',
        path: '/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent',
        headers: WEBSOCKET,
      },
      'path_not_allowed',
    ],
    [
      'Realtime with the model',
      { method: 'GET', path: '/v1/realtime?model=mine', headers: WEBSOCKET },
      'allow',
    ],
    [
      'Realtime with another',
      { method: 'GET', path: '/v1/realtime?model=other', headers: WEBSOCKET },
      'model_not_allowed',
    ],
    ['POST that changes protocols', { body: MINE, headers: WEBSOCKET }, 'path_not_allowed'],
    [
      'Gemini with another, in a way that is not known',
      { path: '/v1beta/models/other:batchGenerateContent', body: MINE },
      'path_not_allowed',
    ],
    [
      'Gemini by PUT',
      { method: 'PUT', path: '/v1beta/models/other:generateContent', body: MINE },
      'path_not_allowed',
    ],
    [
      'a tuned model of Gemini',
      { path: '/v1beta/tunedModels/other:generateContent', body: MINE },
      'path_not_allowed',
    ],
    [
      'Vertex',
      { path: '/v1/projects/p/locations/l/publishers/google/models/other:predict', body: MINE },
      'path_not_allowed',
    ],
    [
      'Azure, in a way that is not known',
      { path: '/openai/deployments/other/extensions/chat/completions', body: MINE },
      'path_not_allowed',
    ],
    [
      'Azure, with a slash more',
      { path: '/openai/deployments/other/chat/completions/', body: MINE },
      'path_not_allowed',
    ],
    [
      'Azure in upper case',
      { path: '/OpenAI/Deployments/other/chat/completions', body: MINE },
      'path_not_allowed',
    ],
    ['Bedrock', { path: '/model/other/invoke', body: MINE }, 'path_not_allowed'],
    ['engines', { path: '/v1/engines/other/completions', body: MINE }, 'path_not_allowed'],
    ['the list of models', { method: 'GET', path: '/v1/models' }, 'allow'],
    ['another model, looked at', { method: 'GET', path: '/v1/models/other' }, 'model_not_allowed'],
    ['an encoded letter', { path: '/v1/ch%61t/completions', body: MINE }, 'path_not_allowed'],
    ['an encoded colon', { path: '/v1beta/models/other%3AgenerateContent', body: MINE }, 'path_not_allowed'],
  ])('%s', async (_, parts, outcome) => {
    expect(await ask(secret, parts)).toBe(outcome)
  })
})

describe('under a rule about models, where a path is named', () => {
  const NAMED = [
    '/v1/files',
    'POST /v1/audio/transcriptions',
    '/v1/chat/completions',
    '/v1/chat/completions/',
    'GET /ws/live',
    'POST /ws/live',
    'POST /v1beta/models/other:batchGenerateContent',
  ]
  let secret: string
  beforeAll(async () => {
    secret = await keyOf({ models: ['mine'], paths: NAMED })
  })

  test.each<[string, RequestParts, string]>([
    ['passes without a model', { path: '/v1/files', body: MULTIPART }, 'allow'],
    ['passes with any method where none is named', { method: 'PUT', path: '/v1/files' }, 'allow'],
    ['passes with its method', { path: '/v1/audio/transcriptions', body: MULTIPART }, 'allow'],
    ['not with another', { method: 'PUT', path: '/v1/audio/transcriptions' }, 'path_not_allowed'],
    [
      'in a form that is not known, too',
      { path: '/v1beta/models/other:batchGenerateContent', body: '{}' },
      'allow',
    ],
    ['not with more behind it', { path: '/v1/files/x' }, 'path_not_allowed'],
    ['a model path: with the model', { body: MINE }, 'allow'],
    ['a model path: not with another', { body: OTHER }, 'model_not_allowed'],
    ['a model path: nor with another method', { method: 'PUT', body: OTHER }, 'model_not_allowed'],
    [
      'a model path: nor with a slash more',
      { path: '/v1/chat/completions/', body: OTHER },
      'model_not_allowed',
    ],
    ['a model path: nor when protocols change', { body: OTHER, headers: WEBSOCKET }, 'path_not_allowed'],
    ['a model path: nor in the body of a GET', { method: 'GET', body: OTHER }, 'model_not_allowed'],
    ['a model path: but its stored answers are read', { method: 'GET' }, 'allow'],
    ['a websocket', { method: 'GET', path: '/ws/live', headers: WEBSOCKET }, 'allow'],
    ['a websocket that begins otherwise', { path: '/ws/live', headers: WEBSOCKET }, 'path_not_allowed'],
    ['the list of models, which is not named', { method: 'GET', path: '/v1/models' }, 'path_not_allowed'],
  ])('%s', async (_, parts, outcome) => {
    expect(await ask(secret, parts)).toBe(outcome)
  })
})

test('a denial gives no way past a rule about models either', async () => {
  const secret = await keyOf({ models: ['mine'], deniedPaths: ['/v1/embeddings'] })
  expect(await ask(secret, { body: MINE })).toBe('allow')
  expect(await ask(secret, { path: '/v1/embeddings', body: MINE })).toBe('path_not_allowed')
  expect(await ask(secret, { path: '/v1/files' })).toBe('path_not_allowed')
  expect(await ask(secret, { method: 'GET', path: '/v1/files' })).toBe('path_not_allowed')
})

test('what is done to a model by its name is no path that only a star admits', async () => {
  const secret = await keyOf({ models: ['mine'], paths: ['/v1/*'] })
  for (const method of ['DELETE', 'HEAD', 'OPTIONS'])
    for (const path of ['/v1/models/other', '/v1/models/ft:mine:acme::abc', '/v1/engines/other/edits'])
      expect(await ask(secret, { method, path })).toBe('path_not_allowed')
  const named = await keyOf({ models: ['mine'], paths: ['DELETE /v1/models/ft:mine'] })
  expect(await ask(named, { method: 'DELETE', path: '/v1/models/ft:mine' })).toBe('allow')
})

test('a list of models that becomes a websocket is none, and is charged', async () => {
  const limits = [{ unit: 'requests', period: 'total', zone: 'UTC', amount: 1 }] as const
  const { id, secret } = await rig.createKey({ limits })
  const parts = { method: 'GET', path: '/v1/models', headers: WEBSOCKET }
  expect(await ask(secret, parts)).toBe('allow')
  expect(await rig.store.limitBook.listLimits(id)).toMatchObject([{ used: 1 }])
  expect(await ask(await keyOf({ models: ['mine'] }), parts)).toBe('path_not_allowed')
})

test.each([
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-original-url',
  'x-rewrite-url',
])(
  'the header %s, by which servers are told another method or path, is refused where something depends on these',
  async (name) => {
    const headers = [[name, '/v1/files']] as const
    expect(await ask(await keyOf({ deniedPaths: ['DELETE /v1/*'] }), { headers })).toBe('path_not_allowed')
    expect(await ask(await keyOf({}), { headers })).toBe('allow')
    const listing = { method: 'GET', path: '/v1/models', headers }
    expect(await ask(await keyOf({ models: ['mine'] }), { body: MINE, headers })).toBe('path_not_allowed')
    // Uncharged, and with these it may be no listing where it arrives.
    expect(await ask(await keyOf({}), listing)).toBe('path_not_allowed')
  },
)

test('each list of a key, its owners and policies must admit, and each denial counts', async () => {
  const { ownerBook, policyBook } = rig.store
  await ownerBook.createOwner('org', { ...NO_RULES, paths: ['/v1/*'], deniedPaths: ['/v1/admin'] })
  await ownerBook.createOwner('org/team', { ...NO_RULES, paths: ['POST *', 'GET *'] })
  await policyBook.createPolicy({ ...NO_RULES, name: 'no-files', deniedPaths: ['/v1/files*'] })
  const rules = { ...NO_RULES, paths: ['GET /v1/*', '/v2/*'], policies: ['no-files'] }
  const { secret } = await rig.createKey({ ownerPath: 'org/team', rules })
  const get = (path: string, method = 'GET') => ask(secret, { method, path })
  expect(await get('/v1/batches')).toBe('allow')
  for (const path of ['/v2/x', '/v1/admin', '/V1/Admin/', '/v1/files', '/v1/files/x'])
    expect(await get(path)).toBe('path_not_allowed')
  expect(await get('/v1/batches', 'POST')).toBe('path_not_allowed')
  expect(await get('/v1/batches', 'DELETE')).toBe('path_not_allowed')
})

test('networks and hours of a key, its owners and policies join alike; an empty list admits nothing', async () => {
  const { ownerBook, policyBook } = rig.store
  const always = ['00:00-24:00']
  await ownerBook.createOwner('net', { ...NO_RULES, networks: ['10.0.0.0/8'], hours: always })
  await policyBook.createPolicy({ ...NO_RULES, name: 'not-nine', deniedNetworks: ['10.9.0.0/16'] })
  const keyIn = async (rules: Partial<Rules>) =>
    (await rig.createKey({ ownerPath: 'net', rules: { ...NO_RULES, ...rules } })).secret
  const secret = await keyIn({
    networks: ['10.1.0.0/16', '10.9.0.0/16', '192.0.2.0/24'],
    policies: ['not-nine'],
  })
  expect(await ask(secret, { source: '10.1.2.3' })).toBe('allow')
  expect(await ask(secret, { source: '::ffff:10.1.2.3' })).toBe('allow')
  for (const source of ['10.2.0.1', '10.9.0.1', '192.0.2.1', '2001:db8::1'])
    expect(await ask(secret, { source })).toBe('network_not_allowed')
  expect(await ask(secret, {})).toBe('network_not_allowed')
  for (const rules of [{ networks: [] }, { paths: [] }, { hours: [] }])
    expect(await ask(await keyIn(rules), { source: '10.1.2.3' })).toMatch(
      /^(network|path)_not_allowed$|^outside_hours$/,
    )
})
