// Latchkey before an Envoy that is set up otherwise: header map for lines, nothing stripped early, larger bodies, more time.
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Document } from 'yaml'
import { headerLines } from '../../src/cli/demo/received-request.ts'
import { OWN_HEADER_NAMES } from '../../src/grpc/upstream-headers.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { EnvoyRig, MintedKey } from '../support/envoy-rig.ts'
import { chatBody, MODELS, startEnvoyRig } from '../support/envoy-rig.ts'
import type { HeaderLine } from '../support/raw-client.ts'
import { header } from '../support/raw-client.ts'
import { ENVOYS } from '../support/tested-envoys.ts'

const MIB = 1_048_576
const LISTENER = ['static_resources', 'listeners', 0]
const HCM = [...LISTENER, 'filter_chains', 0, 'filters', 0, 'typed_config']
const EXT_AUTHZ = [...HCM, 'http_filters', 0, 'typed_config']
const NO_ROUTE = [...HCM, 'route_config', 'virtual_hosts', 0, 'routes', 5]

const otherwise = (document: Document): void => {
  expect(document.getIn([...NO_ROUTE, 'name'])).toBe('no-route')
  document.deleteIn([...HCM, 'early_header_mutation_extensions'])
  document.setIn([...EXT_AUTHZ, 'encode_raw_headers'], false)
  document.setIn([...EXT_AUTHZ, 'with_request_body', 'max_request_bytes'], 6 * MIB)
  document.setIn([...LISTENER, 'per_connection_buffer_limit_bytes'], 7 * MIB)
  document.setIn([...EXT_AUTHZ, 'grpc_service', 'timeout'], '20s')
  document.setIn([...EXT_AUTHZ, 'grpc_service', 'retry_policy', 'retry_back_off', 'max_interval'], '30s')
  document.deleteIn([...NO_ROUTE, 'direct_response'])
  document.setIn([...NO_ROUTE, 'route'], { cluster: 'openai' })
  document.setIn([...NO_ROUTE, 'typed_per_filter_config'], {
    'envoy.filters.http.ext_authz': {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute',
      check_settings: { context_extensions: { latchkey_guardrails: 'pii-mask, nobody-runs-it' } },
    },
  })
}

describe.each(ENVOYS)('Envoy %s', (version) => {
  let rig: EnvoyRig
  let key: MintedKey
  beforeAll(async () => {
    rig = await startEnvoyRig({
      version,
      settings: { check_timeout: '1s', model_header: 'x-model' },
      change: otherwise,
    })
    key = await rig.createKey()
  })
  afterAll(() => rig.close())
  beforeEach(() => void rig.received())

  it('the Allow alone sets or removes every header of ours', async () => {
    const planted = [...OWN_HEADER_NAMES, 'x-envoy-auth-failure-mode-allowed'].map(
      (name): HeaderLine => [name, 'planted'],
    )
    expect((await rig.chat(key.secret, 'llama-3', planted)).status).toBe(200)
    const [request] = rig.received()
    const seen = request?.headers.filter(([name]) => name.startsWith('x-latchkey-')).map(([name]) => name)
    expect(seen?.toSorted()).toEqual([
      'x-latchkey-key-id',
      'x-latchkey-model',
      'x-latchkey-owner',
      'x-latchkey-route',
    ])
    expect(JSON.stringify(request?.headers)).not.toContain('planted')
  })

  it('every line of a planted header goes, also when it is repeated', async () => {
    await rig.chat(key.secret, 'gpt-4o-mini', [
      ['x-latchkey-guardrails', 'planted'],
      ['x-latchkey-guardrails', 'planted'],
      ['x-latchkey-owner', 'planted'],
      ['x-latchkey-owner', 'planted'],
    ])
    expect(JSON.stringify(rig.received()[0]?.headers)).not.toContain('planted')
  })

  it('a header map joins repeated lines with a comma, and that is ambiguous', async () => {
    const twice: HeaderLine[] = [
      ['x-api-key', key.secret],
      ['x-api-key', key.secret],
    ]
    const response = await rig.send({ headers: twice, body: chatBody('gpt-4o-mini') })
    expect([response.status, JSON.parse(response.body).error.code]).toEqual([401, 'ambiguous_key'])
  })

  it('a header map that is not UTF-8 is a bad key, not a crash', async () => {
    const response = await rig.chat(`${key.secret}\xff`, 'gpt-4o-mini')
    expect([response.status, JSON.parse(response.body).error.code]).toEqual([401, 'invalid_key'])
  })

  it('a body of 5 MiB is decided whole when Envoy is told to send so much', async () => {
    const body = `{"pad":"${'x'.repeat(5 * MIB)}","model":"gpt-4o-mini"}`
    const response = await rig.send({ headers: [['authorization', `Bearer ${key.secret}`]], body })
    expect(response.status).toBe(200)
    expect(rig.received()[0]?.body.length).toBe(body.length)
  })

  it('a model header that differs from the body is a conflict, one that repeats it is fine', async () => {
    const response = await rig.chat(key.secret, 'gpt-4o-mini', [['x-model', 'claude-haiku-4-5']])
    expect([response.status, JSON.parse(response.body).error.code]).toEqual([400, 'model_conflict'])
    expect((await rig.chat(key.secret, 'gpt-4o-mini', [['x-model', 'gpt-4o-mini']])).status).toBe(200)
  })

  it('a store that does not take the charge is told in-band, in time, and nothing is charged', async () => {
    const limit = { unit: 'requests', period: 'total', zone: 'UTC', amount: 5 } as const
    const limited = await rig.createKey({ limits: [limit] })
    const used = async () => (await rig.app.store.limitBook.listLimits(limited.id))[0]?.used
    expect((await rig.chat(limited.secret, 'gpt-4o-mini')).status).toBe(200)
    rig.received()
    const other = new DatabaseSync(rig.databasePath)
    try {
      other.exec('BEGIN IMMEDIATE')
      const response = await rig.chat(limited.secret, 'gpt-4o-mini')
      expect([response.status, header(response, 'retry-after')]).toEqual([503, '1'])
      expect(['store_unavailable', 'deadline_exceeded']).toContain(JSON.parse(response.body).error.code)
      expect(rig.received()).toEqual([])
    } finally {
      other.exec('ROLLBACK')
      other.close()
    }
    expect(await used()).toBe(1)
    expect((await rig.chat(limited.secret, 'gpt-4o-mini')).status).toBe(200)
  })

  it('what an Envoy route says of its guardrails counts only where our headers do not choose the route', async () => {
    const rules = { ...NO_RULES, guardrails: ['nobody-runs-it'] }
    const { secret } = await rig.createKey({ rules })
    const refused = await rig.chat(secret, 'gpt-4o-mini')
    expect([refused.status, JSON.parse(refused.body).error.code]).toEqual([503, 'policy_unresolved'])
    for (const { name } of MODELS) await rig.app.store.policyBook.deleteModel(name)
    expect((await rig.chat(secret, 'gpt-4o-mini')).status).toBe(200)
    const [request] = rig.received()
    expect(request && headerLines(request, 'x-latchkey-guardrails')).toEqual(['nobody-runs-it'])
    for (const model of MODELS) await rig.app.store.policyBook.createModel(model)
  })

  it('without any rule about models a body that Envoy cut reaches the upstream whole', async () => {
    for (const { name } of MODELS) await rig.app.store.policyBook.deleteModel(name)
    const body = `{"pad":"${'x'.repeat(8 * MIB)}","model":"gpt-4o-mini"}`
    const response = await rig.send({ headers: [['authorization', `Bearer ${key.secret}`]], body })
    expect(response.status).toBe(200)
    const [request] = rig.received()
    expect(request?.body.length).toBe(body.length)
    expect(request?.headers.filter(([name]) => name.startsWith('x-latchkey-')).map(([name]) => name)).toEqual(
      ['x-latchkey-key-id', 'x-latchkey-owner'],
    )
  })
})
