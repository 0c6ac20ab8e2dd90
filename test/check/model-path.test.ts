// Which requests name a model and where: exactly these paths, and no other spelling of them.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { modelPathOf } from '../../src/check/model-path.ts'
import { observeModel, requireModel } from '../../src/check/request-model.ts'
import type { HeaderLines } from '../support/auth-requests.ts'
import { aRequest } from '../support/auth-requests.ts'

const found = (method: string, path: string, headers: HeaderLines = {}) =>
  modelPathOf(aRequest({ method, path, headers }))
const WEBSOCKET = { upgrade: 'websocket', connection: 'upgrade' }

/** As admission asks under a rule about models. */
const required = (method: string, path: string, body = '', headers: HeaderLines = {}) => {
  const request = aRequest({ method, path, body, headers })
  const modelPath = modelPathOf(request)
  return modelPath === undefined ? 'no path of a model' : requireModel(request, modelPath, 'x-model')
}

describe('the body names the model', () => {
  test.each([
    '/v1/chat/completions',
    '/v1/completions',
    '/v1/embeddings',
    '/v1/responses',
    '/v1/responses/compact',
    '/v1/responses/input_tokens',
    '/v1/moderations',
    '/v1/images/generations',
    '/v1/audio/speech',
    '/v1/messages',
    '/v1/messages?beta=true',
    '/v1/messages/count_tokens',
    '/openai/v1/chat/completions?api-version=preview',
    '/openai/v1/responses',
    '/openai/responses?api-version=2025-04-01-preview',
    '/v1beta/openai/chat/completions',
  ])('POST %s', (path) => {
    expect(found('POST', path)).toEqual({ kind: 'body' })
    for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS', 'CONNECT', 'post'])
      expect(found(method, path)).toBeUndefined()
  })

  test.each([
    '/v1/files',
    '/v1/batches',
    '/v1/messages/batches',
    '/v1/audio/transcriptions',
    '/v1/audio/translations',
    '/v1/images/edits',
    '/v1/fine_tuning/jobs',
    '/v1/responses/resp_1/cancel',
    '/openai/deployments',
    '/v1beta/files',
    '/v1/realtime',
    '/v1/realtime/client_secrets',
  ])('but not of POST %s', (path) => {
    expect(found('POST', path)).toBeUndefined()
  })

  test('and not where the protocol is switched: what comes then is seen by nobody', () => {
    for (const path of [
      '/v1/chat/completions',
      '/v1/responses',
      '/v1beta/models/gemini-2.5-pro:generateContent',
    ])
      expect(found('POST', path, WEBSOCKET)).toBeUndefined()
  })
})

describe('the path names the model', () => {
  test.each([
    ['/v1beta/models/gemini-2.5-pro:generateContent', 'gemini-2.5-pro'],
    ['/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse', 'gemini-2.5-pro'],
    ['/v1/models/gemini-2.5-pro:generateContent', 'gemini-2.5-pro'],
    ['/v1alpha/models/gemini-2.5-pro:countTokens', 'gemini-2.5-pro'],
    ['/v1beta/models/gemini-embedding-001:embedContent', 'gemini-embedding-001'],
    ['/v1beta/models/gemini-embedding-001:batchEmbedContents', 'gemini-embedding-001'],
    ['/v1beta/models/imagen-4.0-generate-001:predict', 'imagen-4.0-generate-001'],
    ['/v1beta/models/veo-3.0-generate-001:predictLongRunning', 'veo-3.0-generate-001'],
    ['/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21', 'my-gpt'],
    ['/openai/deployments/my-gpt/completions?api-version=2024-10-21', 'my-gpt'],
    ['/openai/deployments/My_Ada.2/embeddings', 'My_Ada.2'],
    ['/openai/deployments/dalle/images/generations', 'dalle'],
    ['/openai/deployments/tts/audio/speech', 'tts'],
  ])('POST %s', (path, model) => {
    expect(found('POST', path)).toEqual({ kind: 'path', model })
    for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS', 'CONNECT', 'post'])
      expect(found(method, path)).toBeUndefined()
  })

  const GOOGLE = '/v1beta/models/allowed:generateContent'
  const AZURE = '/openai/deployments/allowed/chat/completions'
  test.each([
    `/${GOOGLE}`,
    GOOGLE.replace('/models/', '//models/'),
    GOOGLE.replace('allowed', 'allowed/../other'),
    GOOGLE.replace('allowed', '..'),
    GOOGLE.replace('allowed', '.'),
    GOOGLE.replace('allowed', '%2e%2e'),
    GOOGLE.replace('allowed', 'allowe%64'),
    GOOGLE.replace('allowed', 'allowed%2f..%2fother'),
    GOOGLE.replace('allowed', 'allowed;other'),
    GOOGLE.replace('allowed', 'allowed:generateContent/other'),
    GOOGLE.replace('allowed', 'models/allowed'),
    GOOGLE.replace('allowed', ''),
    GOOGLE.replace('allowed', 'a'.repeat(257)),
    GOOGLE.replace('allowed', 'allowed '),
    GOOGLE.replace('allowed', 'allowed\0'),
    GOOGLE.replace('allowed', 'allowed\n'),
    GOOGLE.replace('allowed', 'a,b'),
    GOOGLE.replace('allowed', 'a+b'),
    GOOGLE.replace('allowed', '*'),
    GOOGLE.replace('allowed', 'all\u00f6wed'),
    GOOGLE.replace(':', '%3A'),
    GOOGLE.replace(':', '%3a'),
    GOOGLE.replace('models', 'Models'),
    GOOGLE.replace('models', 'tunedModels'),
    GOOGLE.replace('v1beta', 'V1beta'),
    GOOGLE.replace('v1beta', 'v2'),
    GOOGLE.replace('v1beta', 'v1beta1'),
    GOOGLE.replace('generateContent', 'GenerateContent'),
    GOOGLE.replace('generateContent', 'batchGenerateContent'),
    GOOGLE.replace('generateContent', ''),
    `${GOOGLE}/`,
    `${GOOGLE}#x`,
    `${GOOGLE};x=1`,
    `${GOOGLE}:generateContent`,
    `${GOOGLE}\n`,
    `/x${GOOGLE}`,
    `http://example.com${GOOGLE}`,
    `/${AZURE}`,
    AZURE.replace('allowed', 'allowed/../other'),
    AZURE.replace('allowed', 'allowed/deployments/other'),
    AZURE.replace('allowed', '..'),
    AZURE.replace('allowed', '%2e%2e'),
    AZURE.replace('allowed', 'allowe%64'),
    AZURE.replace('allowed', 'allowed;x'),
    AZURE.replace('allowed/', 'allowed//'),
    AZURE.replace('/chat', '/Chat'),
    AZURE.replace('openai', 'OpenAI'),
    AZURE.replace('chat/completions', 'chat%2fcompletions'),
    AZURE.replace('chat/completions', 'audio/transcriptions'),
    `${AZURE}/`,
    `${AZURE}#x`,
    `${AZURE};x=1`,
    `${AZURE}\n`,
  ])('but not POST %j', (path) => {
    expect(found('POST', path)).toBeUndefined()
  })

  test('of all that can be made of such a path, only plain names are taken, and taken as they stand', () => {
    const piece = fc.constantFrom(
      'allowed',
      'other',
      '.',
      '..',
      '/',
      '%',
      '%2f',
      ';',
      ':',
      '?',
      '#',
      '\\',
      ' ',
      '\n',
    )
    const name = fc
      .array(fc.oneof(piece, fc.string({ maxLength: 3 })), { maxLength: 5 })
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(name, fc.boolean(), (text, isGoogle) => {
        const path = (isGoogle ? GOOGLE : AZURE).replace('allowed', () => text)
        const plain = /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text) && text.length <= 256
        expect(found('POST', path)).toEqual(plain ? { kind: 'path', model: text } : undefined)
      }),
      { numRuns: process.env['LATCHKEY_PROVE'] === '1' ? 100_000 : 5_000 },
    )
  })

  test('and a body or a header that names another one is refused', () => {
    expect(required('POST', GOOGLE, '{"contents":[]}')).toEqual({ model: 'allowed' })
    expect(required('POST', GOOGLE)).toEqual({ model: 'allowed' })
    expect(required('POST', GOOGLE, '{"model":"allowed"}')).toEqual({ model: 'allowed' })
    expect(required('POST', GOOGLE, '{"model":"models/allowed"}')).toEqual({ model: 'allowed' })
    expect(required('POST', AZURE, '{"model":"allowed"}')).toEqual({ model: 'allowed' })
    const conflict = { reason: 'model_conflict' }
    for (const path of [GOOGLE, AZURE]) {
      expect(required('POST', path, '{"model":"other"}')).toMatchObject(conflict)
      expect(required('POST', path, '{"model":"models/other"}')).toMatchObject(conflict)
      expect(required('POST', path, '{}', { 'x-model': 'other' })).toMatchObject(conflict)
      expect(required('POST', path, '{"model":"other","model":"allowed"}')).toMatchObject({
        reason: 'request_malformed',
      })
      expect(required('POST', path, 'no JSON')).toMatchObject({ reason: 'request_malformed' })
    }
    const cut = aRequest({ path: GOOGLE, body: '{"x":"', bodyComplete: false })
    expect(requireModel(cut, modelPathOf(cut), undefined)).toMatchObject({ reason: 'body_too_large' })
  })
})

describe('the query names the model', () => {
  test.each([
    ['/v1/realtime?model=gpt-realtime', 'gpt-realtime'],
    ['/v1/realtime?a=%20b&model=gpt-realtime&x', 'gpt-realtime'],
    ['/openai/v1/realtime?model=gpt-realtime', 'gpt-realtime'],
    ['/openai/realtime?api-version=2024-10-01-preview&deployment=my-rt', 'my-rt'],
    ['/v1/realtime?model=mistralai/Voxtral-Mini', 'mistralai/Voxtral-Mini'],
  ])('GET %s', (path, model) => {
    expect(required('GET', path, '', WEBSOCKET)).toEqual({ model })
    expect(found('POST', path, WEBSOCKET)).toBeUndefined()
  })

  test.each([
    ['model_required', '/v1/realtime'],
    ['model_required', '/v1/realtime?'],
    ['model_required', '/v1/realtime?deployment=a'],
    ['model_required', '/openai/realtime?model=a'],
    ['model_required', '/v1/realtime?call_id=rtc_1'],
    ['request_malformed', '/v1/realtime?model'],
    ['request_malformed', '/v1/realtime?model='],
    ['request_malformed', '/v1/realtime?model=a&model=b'],
    ['request_malformed', '/v1/realtime?model=a&model=a'],
    ['request_malformed', '/v1/realtime?model=a&Model=b'],
    ['request_malformed', '/v1/realtime?MODEL=a'],
    ['request_malformed', '/v1/realtime?model=a&mode%6c=b'],
    ['request_malformed', '/v1/realtime?model=a&model[]=b'],
    ['request_malformed', '/v1/realtime?model=a&+model=b'],
    ['request_malformed', '/v1/realtime?model=a&x=1;model=b'],
    ['request_malformed', '/v1/realtime?model=a;model=b'],
    ['request_malformed', '/v1/realtime?model=%61'],
    ['request_malformed', '/v1/realtime?model=a+b'],
    ['request_malformed', '/v1/realtime?model=a#model=b'],
    ['request_malformed', '/v1/realtime?model=a&x=1#y'],
    ['request_malformed', '/v1/realtime?model=a?model=b'],
    ['request_malformed', '/v1/realtime?x=1?model=b&model=a'],
    ['request_malformed', `/v1/realtime?model=${'a'.repeat(257)}`],
  ])('%s: %s', (reason, path) => {
    expect(required('GET', path, '', WEBSOCKET)).toMatchObject({ outcome: 'deny', reason })
    const request = aRequest({ method: 'GET', path })
    expect(observeModel(request, modelPathOf(request), undefined)).toEqual({ model: undefined })
  })

  test.each([
    '/v1/realtime/?model=a',
    '//v1/realtime?model=a',
    '/v1/REALTIME?model=a',
    '/v1/realtim%65?model=a',
    '/v1/realtime;x?model=a',
    '/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent',
    '/v1/responses',
    '/v1/chat/completions?model=a',
  ])('but not of GET %s', (path) => {
    expect(found('GET', path, WEBSOCKET)).toBeUndefined()
  })

  test('and a header that names another one is refused', () => {
    const headers = { ...WEBSOCKET, 'x-model': 'b' }
    expect(required('GET', '/v1/realtime?model=a', '', headers)).toMatchObject({ reason: 'model_conflict' })
    expect(required('GET', '/v1/realtime?model=b', '', headers)).toEqual({ model: 'b' })
  })
})

describe('what models there are is asked by', () => {
  test.each([
    ['/v1/models', undefined],
    ['/v1/models?limit=5', undefined],
    ['/openai/v1/models', undefined],
    ['/v1beta/models?pageSize=50', undefined],
    ['/v1beta/openai/models', undefined],
    ['/v1/models/gpt-4o', 'gpt-4o'],
    ['/v1/models/ft:gpt-4o:acme::x', 'ft:gpt-4o:acme::x'],
    ['/v1beta/models/gemini-2.5-pro', 'gemini-2.5-pro'],
  ])('GET %s', (path, model) => {
    expect(found('GET', path)).toEqual({ kind: 'listing', model })
    for (const method of ['POST', 'DELETE', 'PATCH', 'OPTIONS']) expect(found(method, path)).toBeUndefined()
  })

  test.each(['/v1/models/', '/v1/models/a/b', '/v1/models/%2e', '/v1/models/..', '/v2/models', '/V1/models'])(
    'but not by GET %s',
    (path) => {
      expect(found('GET', path)).toBeUndefined()
    },
  )
})
