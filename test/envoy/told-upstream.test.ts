// What Latchkey is told to say besides reaches who relies on it, through a real Envoy: attestation, second guardrail header, limit.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import OpenAI from 'openai'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Document } from 'yaml'
import type { ReceivedRequest } from '../../src/cli/demo/received-request.ts'
import { headerLines } from '../../src/cli/demo/received-request.ts'
import type { Lifecycle } from '../../src/kernel/lifecycle.ts'
import { createLifecycle } from '../../src/kernel/lifecycle.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { Verify } from '../support/attestation-verifiers.ts'
import { nodeVerifier } from '../support/attestation-verifiers.ts'
import { aSigningKey, pemOf } from '../support/attestations.ts'
import type { EnvoyRig, MintedKey } from '../support/envoy-rig.ts'
import { chatBody, startEnvoyRig } from '../support/envoy-rig.ts'
import type { MockLimiter } from '../support/mock-limiter.ts'
import { startMockLimiter } from '../support/mock-limiter.ts'
import { ENVOYS } from '../support/tested-envoys.ts'

const CLUSTERS = ['static_resources', 'clusters']
const HCM = ['static_resources', 'listeners', 0, 'filter_chains', 0, 'filters', 0, 'typed_config']
const RUNTIME = ['layered_runtime', 'layers', 0, 'static_layer']
const V3 = 'type.googleapis.com/envoy.extensions'
const FACT = { key: 'envoy.filters.http.ext_authz', path: [{ key: 'rate_limit' }] }
const SUBJECT = { ...FACT, path: [...FACT.path, { key: 'subject' }] }

const filterIndex = (document: Document, name: string): number => {
  for (let index = 0; index < 20; index += 1)
    if (document.getIn([...HCM, 'http_filters', index, 'name']) === name) return index
  throw new Error(`no filter ${name}`)
}

/** As the manual says for a second guardrail header. */
const admitHeader = (document: Document): void => {
  const extAuthz = filterIndex(document, 'envoy.filters.http.ext_authz')
  const rules = [...HCM, 'http_filters', extAuthz, 'typed_config', 'decoder_header_mutation_rules']
  const regex = [...rules, 'allow_expression', 'regex']
  document.setIn(regex, `x-guardrails|${String(document.getIn(regex))}`)
  document.setIn([...RUNTIME, 're2.max_program_size.error_level'], 1_000)
}

/** As the manual says for Envoy's own limiter. */
const limitedBy = (document: Document, port: number): void => {
  document.setIn(
    [...HCM, 'route_config', 'virtual_hosts', 0, 'rate_limits'],
    [
      {
        actions: [{ metadata: { descriptor_key: 'subject', metadata_key: SUBJECT } }],
        limit: { dynamic_metadata: { metadata_key: FACT } },
      },
    ],
  )
  const filters: unknown[] = (document.toJS() as EnvoyFile).static_resources.listeners[0].filter_chains[0]
    .filters[0].typed_config.http_filters
  const filter = {
    name: 'envoy.filters.http.ratelimit',
    typed_config: {
      '@type': `${V3}.filters.http.ratelimit.v3.RateLimit`,
      domain: 'latchkey',
      rate_limit_service: {
        grpc_service: { envoy_grpc: { cluster_name: 'limiter' } },
        transport_api_version: 'V3',
      },
    },
  }
  document.setIn([...HCM, 'http_filters'], filters.toSpliced(-1, 0, filter))
  const options = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
  const endpoint = { address: { socket_address: { address: '127.0.0.1', port_value: port } } }
  document.addIn(CLUSTERS, {
    name: 'limiter',
    type: 'STATIC',
    load_assignment: { cluster_name: 'limiter', endpoints: [{ lb_endpoints: [{ endpoint }] }] },
    typed_extension_protocol_options: {
      [options]: {
        '@type': `type.googleapis.com/${options}`,
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
  })
}

type EnvoyFile = {
  static_resources: {
    listeners: [{ filter_chains: [{ filters: [{ typed_config: { http_filters: unknown[] } }] }] }]
  }
}

describe.each(ENVOYS)('Envoy %s', (version) => {
  let lifecycle: Lifecycle
  let rig: EnvoyRig
  let limiter: MockLimiter
  let verify: Verify
  let key: MintedKey
  let guarded: MintedKey
  beforeAll(async () => {
    lifecycle = createLifecycle()
    limiter = await startMockLimiter()
    lifecycle.onClose('limiter', async () => limiter.close())
    const directory = await mkdtemp(join(tmpdir(), 'latchkey-test-'))
    lifecycle.onClose('directory', () => rm(directory, { recursive: true }))
    const keyFile = join(directory, 'attestation.pem')
    await writeFile(keyFile, pemOf(aSigningKey()))
    rig = await startEnvoyRig({
      version,
      settings: {
        guardrail_header: 'x-guardrails',
        attestation_key_file: keyFile,
        attestation_audience: 'vllm',
        health_listen: '127.0.0.1:0',
      },
      change: (document) => {
        admitHeader(document)
        limitedBy(document, limiter.port)
      },
    })
    lifecycle.onClose('rig', rig.close)
    const jwksUrl = `http://${rig.app.healthAddress}/.well-known/jwks.json`
    ;({ verify } = await nodeVerifier({ jwksUrl, audience: 'vllm' }))
    key = await rig.createKey()
    guarded = await rig.createKey({ rules: { ...NO_RULES, guardrails: ['pii-mask'] } })
  })
  afterAll(() => lifecycle.close())
  beforeEach(() => void rig.received())

  const verified = (request: ReceivedRequest | undefined) =>
    verify(Object.fromEntries((request?.headers ?? []).map(([name, value]) => [name.toLowerCase(), value])))

  it('the model server can prove who asked and which guardrails must run, of this very request', async () => {
    for (const { secret } of [guarded, key]) await rig.chat(secret, 'llama-3')
    const [first, second] = rig.received()
    expect(await verified(first)).toMatchObject({
      sub: guarded.id,
      owner: 'acme/search',
      model: 'llama-3',
      route: 'vllm',
      guardrails: ['pii-mask'],
      request_id: first && headerLines(first, 'x-request-id')[0],
    })
    expect(await verified(second)).toMatchObject({ sub: key.id, guardrails: [] })
    const token = first ? headerLines(first, 'x-latchkey-attestation') : []
    const swapped = second && {
      ...second,
      headers: second.headers.map(
        ([name, value]) => [name, name === 'x-latchkey-attestation' ? (token[0] ?? '') : value] as const,
      ),
    }
    await expect(verified(swapped)).rejects.toThrow('another request')
  })

  it('an attestation that a client plants, even one that was signed, never reaches the model server', async () => {
    await rig.chat(guarded.secret, 'llama-3')
    const [signed] = rig.received().flatMap((request) => headerLines(request, 'x-latchkey-attestation'))
    for (const planted of ['planted', signed ?? '']) {
      await rig.chat(key.secret, 'llama-3', [
        ['x-latchkey-attestation', planted],
        ['X-Latchkey-Attestation', planted],
      ])
      const [request] = rig.received()
      expect(request && headerLines(request, 'x-latchkey-attestation')).toHaveLength(1)
      expect(await verified(request)).toMatchObject({ sub: key.id })
    }
  })

  it('the second guardrail header says the same, and nobody plants it', async () => {
    const planted = [
      ['x-guardrails', 'planted'],
      ['X-Guardrails', 'planted'],
    ] as const
    await rig.chat(guarded.secret, 'llama-3', planted)
    await rig.chat(key.secret, 'llama-3', planted)
    const told = rig.received().map((request) => headerLines(request, 'x-guardrails'))
    expect(told).toEqual([['pii-mask'], []])
  })

  it("OpenAI's SDK finds what remains where OpenAI puts it, on an Allow and on a 429", async () => {
    const limit = { unit: 'requests', zone: 'UTC' } as const
    const daily = await rig.createKey({ limits: [{ ...limit, period: 'day', amount: 700 }] })
    const once = await rig.createKey({ limits: [{ ...limit, period: 'total', amount: 1 }] })
    const baseURL = `http://127.0.0.1:${rig.envoy.port}/v1`
    const chat = ({ secret }: MintedKey) =>
      new OpenAI({ apiKey: secret, baseURL, maxRetries: 0 }).chat.completions
        .create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello' }] })
        .withResponse()
    const told = (headers: Headers | undefined) =>
      ['limit', 'remaining', 'reset'].map((what) => headers?.get(`x-ratelimit-${what}-requests`))
    const reset = expect.stringMatching(/^(\d+h)?(\d+m)?\d+m?s$/)
    expect(told((await chat(daily)).response.headers)).toEqual(['700', '699', reset])
    expect(told((await chat(once)).response.headers)).toEqual(['1', '0', null])
    const refusal: unknown = await chat(once).catch((error: unknown) => error)
    if (!(refusal instanceof OpenAI.RateLimitError)) throw new Error('not refused')
    expect(told(refusal.headers)).toEqual(['1', '0', null])
  })

  it("Envoy's limiter is asked by the limit of who has it, and not at all without one", async () => {
    const limits = [
      { unit: 'requests', period: 'day', zone: 'UTC', amount: 9_000 },
      { unit: 'requests', period: 'hour', zone: 'UTC', amount: 700 },
    ] as const
    const limited = await rig.createKey({ limits })
    const send = (secret: string, path: string) =>
      rig.send({ path, headers: [['authorization', `Bearer ${secret}`]], body: chatBody('llama-3') })
    const askedOf = (subject: string) => limiter.asked.filter(({ entries }) => entries['subject'] === subject)
    const before = limiter.asked.length
    await send(key.secret, '/v1/chat/completions?unlimited')
    expect(limiter.asked).toHaveLength(before)
    await send(limited.secret, '/v1/completions')
    const HOUR = 3
    expect(askedOf(limited.id)).toEqual([
      { entries: { subject: limited.id }, override: { requestsPerUnit: 700, unit: HOUR } },
    ])
    expect(await rig.accessEntry('/v1/completions')).toMatchObject({
      latchkey: { rate_limit: { requests_per_unit: 700, unit: 'HOUR', subject: limited.id } },
    })
  })
})

describe('without the rule that admits it', () => {
  it('a second guardrail header is an error, and reaches nobody', async () => {
    const rig = await startEnvoyRig({
      version: ENVOYS.at(-1) ?? '',
      settings: { guardrail_header: 'x-guardrails' },
    })
    try {
      const { secret } = await rig.createKey()
      expect((await rig.chat(secret, 'llama-3')).status).toBe(500)
      expect(rig.received()).toEqual([])
    } finally {
      await rig.close()
    }
  })
})
