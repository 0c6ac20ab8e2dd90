// What a client plants never arrives, what Latchkey says always does: through the shipped configuration, on a real Envoy.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ReceivedRequest } from '../../src/cli/demo/received-request.ts'
import { headerLines } from '../../src/cli/demo/received-request.ts'
import { OWN_HEADER_NAMES } from '../../src/grpc/upstream-headers.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { EnvoyRig, MintedKey } from '../support/envoy-rig.ts'
import { chatBody, startEnvoyRig } from '../support/envoy-rig.ts'
import type { HeaderLine } from '../support/raw-client.ts'
import { header } from '../support/raw-client.ts'
import { ENVOYS } from '../support/tested-envoys.ts'

/** Every header under our prefix that a model server got. */
const ours = (request: ReceivedRequest | undefined): Record<string, string> =>
  Object.fromEntries((request?.headers ?? []).filter(([name]) => name.toLowerCase().startsWith('x-latchkey')))

describe.each(ENVOYS)('Envoy %s', (version) => {
  let rig: EnvoyRig
  let key: MintedKey
  let guarded: MintedKey
  beforeAll(async () => {
    rig = await startEnvoyRig({ version })
    key = await rig.createKey()
    guarded = await rig.createKey({ rules: { ...NO_RULES, models: ['llama-*'], guardrails: ['pii-mask'] } })
  })
  afterAll(() => rig.close())
  beforeEach(() => void rig.received())

  it('planting any header of ours changes nothing that the model server sees', async () => {
    const planted: HeaderLine[] = [
      ...OWN_HEADER_NAMES.map((name): HeaderLine => [name, 'planted']),
      ['X-Latchkey-Guardrails', 'planted'],
      ['x-latchkey-of-a-later-version', 'planted'],
      ['x-envoy-auth-failure-mode-allowed', 'true'],
    ]
    expect((await rig.chat(guarded.secret, 'llama-3', planted)).status).toBe(200)
    const [request] = rig.received()
    expect(ours(request)).toEqual({
      'x-latchkey-key-id': guarded.id,
      'x-latchkey-owner': 'acme/search',
      'x-latchkey-model': 'llama-3',
      'x-latchkey-route': 'vllm',
      'x-latchkey-guardrails': 'pii-mask',
    })
    expect(JSON.stringify(request?.headers)).not.toContain('planted')
    expect(request && headerLines(request, 'x-envoy-auth-failure-mode-allowed')).toEqual([])
  })

  it.each(['x_latchkey_guardrails', 'x-latchkey_guardrails', 'x_envoy_auth_failure_mode_allowed'])(
    'the twin %s is refused',
    async (name) => {
      expect((await rig.chat(key.secret, 'gpt-4o-mini', [[name, 'planted']])).status).toBe(400)
      expect(rig.received()).toEqual([])
    },
  )

  it('the model decides the upstream, whatever route the client plants', async () => {
    await rig.chat(key.secret, 'gpt-4o-mini', [['x-latchkey-route', 'vllm']])
    await rig.chat(key.secret, 'llama-3', [['x-latchkey-route', 'openai']])
    const anthropic = { path: '/v1/messages', body: chatBody('claude-haiku-4-5') }
    await rig.send({ ...anthropic, headers: [['x-api-key', key.secret]] })
    expect(rig.received().map(({ provider }) => provider)).toEqual(['openai', 'vllm', 'anthropic'])
  })

  it('a route that this Envoy does not know is a 503, and no key at all never gets that far', async () => {
    const response = await rig.chat(key.secret, 'elsewhere')
    expect([response.status, JSON.parse(response.body).error.code]).toEqual([503, 'unknown_route'])
    expect((await rig.send({ path: '/', method: 'GET' })).status).toBe(401)
    expect(rig.received()).toEqual([])
  })

  it('the credential is taken from every location, and the provider gets its own', async () => {
    const everywhere: HeaderLine[] = [
      ['x-api-key', key.secret],
      ['api-key', key.secret],
      ['x-goog-api-key', key.secret],
    ]
    expect((await rig.chat(key.secret, 'gpt-4o-mini', everywhere)).status).toBe(200)
    expect((await rig.chat(key.secret, 'llama-3', everywhere)).status).toBe(200)
    const [openai, vllm] = rig.received()
    expect(openai && headerLines(openai, 'authorization')).toEqual(['Bearer demo-openai-secret'])
    expect(vllm && headerLines(vllm, 'authorization')).toEqual([])
    expect(JSON.stringify([openai?.headers, vllm?.headers])).not.toContain(key.secret)
    for (const [name] of everywhere) expect(openai && headerLines(openai, name)).toEqual([])
  })

  it.each<[string, (secret: string) => HeaderLine[]]>([
    [
      'two lines that differ',
      (secret) => [
        ['authorization', `Bearer ${secret}`],
        ['authorization', 'Bearer x'],
      ],
    ],
    [
      'two lines that are the same',
      (secret) => [
        ['x-api-key', secret],
        ['x-api-key', secret],
      ],
    ],
    ['one line with a comma', (secret) => [['x-api-key', `${secret},${secret}`]]],
    [
      'two headers that differ',
      (secret) => [
        ['authorization', `Bearer ${secret}`],
        ['api-key', 'x'],
      ],
    ],
  ])('a repeated credential is ambiguous: %s', async (_, lines) => {
    const response = await rig.send({ headers: lines(key.secret), body: chatBody('gpt-4o-mini') })
    expect([response.status, JSON.parse(response.body).error.code]).toEqual([401, 'ambiguous_key'])
    expect(rig.received()).toEqual([])
  })

  it('a client does not choose the id by which a Check is known again', async () => {
    await rig.chat(key.secret, 'gpt-4o-mini', [['x-request-id', 'chosen']])
    const [request] = rig.received()
    expect(request && headerLines(request, 'x-request-id')).not.toContain('chosen')
  })

  it('a client does not make Envoy retry at the upstream', async () => {
    // The mock of Anthropic answers this path with 404.
    await rig.chat(key.secret, 'claude-haiku-4-5', [
      ['x-envoy-retry-on', 'retriable-status-codes'],
      ['x-envoy-retriable-status-codes', '404'],
      ['x-envoy-max-retries', '3'],
    ])
    expect(rig.received()).toHaveLength(1)
  })

  it('what remains of a limit is told to the client, not to the model server', async () => {
    const limit = { unit: 'requests', period: 'total', zone: 'UTC', amount: 7 } as const
    const { secret } = await rig.createKey({ limits: [limit] })
    const response = await rig.chat(secret, 'gpt-4o-mini')
    expect(header(response, 'x-ratelimit-limit-requests')).toBe('7')
    expect(header(response, 'x-ratelimit-remaining-requests')).toBe('6')
    expect(JSON.stringify(rig.received()[0]?.headers)).not.toContain('x-ratelimit')
    expect(header(response, 'x-latchkey-soft-limit')).toBeUndefined()
    const nearly = await rig.createKey({ limits: [{ ...limit, amount: 1 }] })
    const last = await rig.chat(nearly.secret, 'gpt-4o-mini')
    expect(header(last, 'x-latchkey-soft-limit')).toBe('requests/total;used=100')
    expect(JSON.stringify(rig.received()[0]?.headers)).not.toContain('soft-limit')
  })

  it('the model list is answered in-band, for this very key', async () => {
    const bearer = (secret: string): HeaderLine[] => [['authorization', `Bearer ${secret}`]]
    const all = await rig.send({ method: 'GET', path: '/v1/models', headers: bearer(key.secret) })
    expect(all.status).toBe(200)
    expect(header(all, 'content-type')).toBe('application/json')
    expect(JSON.parse(all.body).data.map(({ id }: { id: string }) => id)).toEqual([
      'elsewhere',
      'gpt-4o-mini',
    ])
    const none = await rig.send({ method: 'GET', path: '/v1/models', headers: bearer(guarded.secret) })
    expect(JSON.parse(none.body)).toEqual({ object: 'list', data: [] })
    expect(rig.received()).toEqual([])
  })

  it('facts travel as dynamic metadata, for an Allow and for a refusal', async () => {
    const headers: HeaderLine[] = [['authorization', `Bearer ${guarded.secret}`]]
    await rig.send({ path: '/v1/completions?key=hidden', headers, body: chatBody('llama-3') })
    expect(await rig.accessEntry('/v1/completions')).toMatchObject({
      status: 200,
      latchkey: { key_id: guarded.id, owner: 'acme/search', model: 'llama-3', outcome: 'allow' },
    })
    const refused = await rig.send({ path: '/v1/embeddings', headers, body: chatBody('gpt-4o-mini') })
    expect(await rig.accessEntry('/v1/embeddings')).toMatchObject({
      details: 'ext_authz_denied',
      latchkey: {
        key_id: guarded.id,
        outcome: 'deny',
        reason: 'model_not_allowed',
        decision_id: header(refused, 'x-latchkey-decision-id'),
      },
    })
  })
})
