// Shadow mode through a real Envoy: the client is told, the model server gets what it always gets, and no credential.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { headerLines } from '../../src/cli/demo/received-request.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { EnvoyRig } from '../support/envoy-rig.ts'
import { chatBody, startEnvoyRig } from '../support/envoy-rig.ts'
import { ENVOYS } from '../support/tested-envoys.ts'

const NONE = { unit: 'requests', period: 'day', zone: 'UTC', amount: 0 } as const

describe.each(ENVOYS)('Envoy %s', (version) => {
  let rig: EnvoyRig
  beforeAll(async () => {
    rig = await startEnvoyRig({ version, settings: { shadow_header: 'on' } })
  })
  afterAll(() => rig.close())
  beforeEach(() => void rig.received())

  it('passes what would be refused, stripped of its key and with our headers, and tells the client why', async () => {
    const rules = { ...NO_RULES, guardrails: ['pii-mask'], hours: [] }
    const { id, secret } = await rig.createKey({ rules, shadow: true, labels: { team: 'search' } })
    const planted = [
      ['x-api-key', secret],
      ['x-latchkey-would-deny', 'planted'],
    ] as const
    const path = '/v1/chat/completions'
    const headers = [['authorization', `Bearer ${secret}`] as const, ...planted]
    const response = await rig.send({ path, headers, body: chatBody('llama-3') })
    expect(response.status).toBe(200)
    expect(response.headers.get('x-latchkey-would-deny')).toEqual(['outside_hours'])
    const [request] = rig.received()
    if (request === undefined) throw new Error('nothing arrived')
    expect(JSON.stringify(request)).not.toMatch(new RegExp(`${secret}|planted`))
    expect(headerLines(request, 'x-latchkey-key-id')).toEqual([id])
    expect(headerLines(request, 'x-latchkey-guardrails')).toEqual(['pii-mask'])
    expect((await rig.accessEntry(path)).latchkey).toMatchObject({
      outcome: 'allow',
      would_deny: 'outside_hours',
      'label.team': 'search',
    })
  })

  it('passes what a limit would refuse, and tells of no limits', async () => {
    const { secret } = await rig.createKey({ limits: [NONE], shadow: true })
    const response = await rig.chat(secret, 'gpt-4o-mini')
    expect([response.status, response.headers.get('x-latchkey-would-deny')]).toEqual([
      200,
      ['quota_exhausted'],
    ])
    expect([...response.headers.keys()].filter((name) => name.startsWith('x-ratelimit'))).toEqual([])
  })

  it('answers the list of models, which would be refused', async () => {
    const { secret } = await rig.createKey({ rules: { ...NO_RULES, paths: ['/v1/chat/*'] }, shadow: true })
    const headers = [['authorization', `Bearer ${secret}`]] as const
    expect(await rig.send({ method: 'GET', path: '/v1/models', headers })).toMatchObject({ status: 200 })
    expect(rig.received()).toEqual([])
  })

  it('refuses a guardrail that the route does not run, a revoked key, and who has none', async () => {
    const rules = { ...NO_RULES, guardrails: ['pii-mask'], hours: [] }
    const guarded = await rig.createKey({ rules, shadow: true })
    const revoked = await rig.createKey({ shadow: true })
    await rig.app.store.keyBook.revokeKey(revoked.id)
    const statuses = [
      (await rig.chat(guarded.secret, 'gpt-4o-mini')).status,
      (await rig.chat(revoked.secret, 'gpt-4o-mini')).status,
      (await rig.send({ body: chatBody('gpt-4o-mini') })).status,
    ]
    expect(statuses).toEqual([503, 401, 401])
    expect(rig.received()).toEqual([])
  })
})
