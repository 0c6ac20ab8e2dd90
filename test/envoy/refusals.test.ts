// Every refusal as a client sees it behind a real Envoy: status, headers and body, in the shape that its SDK parses.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Decision, DenyReason } from '../../src/check/decision.ts'
import { REASONS } from '../../src/check/decision.ts'
import type { GrpcServer } from '../../src/grpc/server.ts'
import { createCall } from '../../src/kernel/call.ts'
import { Failure } from '../../src/kernel/failure.ts'
import { digestSecret } from '../../src/keys/secret.ts'
import type { VirtualKey } from '../../src/keys/virtual-key.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { Period } from '../../src/quota/quota.ts'
import { startCheckServer } from '../support/check-server.ts'
import type { EnvoyRig } from '../support/envoy-rig.ts'
import { chatBody, startEnvoyRig } from '../support/envoy-rig.ts'
import type { RawRequest } from '../support/raw-client.ts'
import { header } from '../support/raw-client.ts'
import { ENVOYS } from '../support/tested-envoys.ts'
import { until } from '../support/until.ts'

const DAY_MS = 86_400_000
const MESSAGES = '/v1/messages'

const bearer = (secret: string, body: string | undefined = chatBody('gpt-4o-mini')): RawRequest => ({
  headers: [['authorization', `Bearer ${secret}`]],
  ...(body === undefined ? {} : { body }),
})

/** One request under a limit that is spent, or that admits none. */
const spent = async (rig: EnvoyRig, period: Period): Promise<RawRequest> => {
  const limit = { unit: 'requests', period, zone: 'UTC', amount: 0 } as const
  return bearer((await rig.createKey({ limits: [limit] })).secret)
}

type Arrange = (rig: EnvoyRig) => Promise<RawRequest>

/** How to be refused for each reason that a request, a key or a policy can give. */
const ARRANGE: Partial<Record<DenyReason, Arrange>> = {
  missing_key: async () => ({ body: chatBody('gpt-4o-mini') }),
  ambiguous_key: async () => ({
    headers: [
      ['x-api-key', 'a'],
      ['x-api-key', 'b'],
    ],
    body: '{}',
  }),
  invalid_key: async () => bearer('lk_000000000000000000000000000000000000'),
  key_expired: async (rig) => {
    const { secret } = await rig.createKey({ expiresAtMs: Date.now() + 50 })
    // Another look each time: what is seen of a key that expired is dropped.
    await until(async () => (await rig.send(bearer(secret))).status === 401)
    rig.received()
    return bearer(secret)
  },
  key_not_yet_valid: async (rig) =>
    bearer((await rig.createKey({ notBeforeMs: Date.now() + DAY_MS })).secret),
  key_disabled: async (rig) => {
    const key = await rig.createKey()
    await rig.app.store.keyBook.setKeyDisabled(key.id, true)
    return bearer(key.secret)
  },
  owner_disabled: async (rig) => {
    const { ownerBook } = rig.app.store
    const path = `acme/disabled-${Math.random().toString(36).slice(2)}`
    await ownerBook.createOwner(path, NO_RULES)
    const key = await rig.createKey({ ownerPath: path })
    await ownerBook.setOwnerDisabled(path, true)
    return bearer(key.secret)
  },
  model_not_allowed: async (rig) => bearer((await rig.createKey()).secret, chatBody('gpt-99')),
  path_not_allowed: async (rig) => ({ ...bearer((await rig.createKey()).secret), method: 'PUT' }),
  network_not_allowed: async (rig) =>
    bearer((await rig.createKey({ rules: { ...NO_RULES, networks: ['198.51.100.0/24'] } })).secret),
  outside_hours: async (rig) => bearer((await rig.createKey({ rules: { ...NO_RULES, hours: [] } })).secret),
  model_required: async (rig) => bearer((await rig.createKey()).secret, '{}'),
  request_malformed: async (rig) => bearer((await rig.createKey()).secret, '{"model":'),
  body_too_large: async (rig) => bearer((await rig.createKey()).secret, `{"pad":"${'x'.repeat(1_100_000)}"}`),
  quota_exhausted: (rig) => spent(rig, 'month'),
  rate_limited: (rig) => spent(rig, 'minute'),
  policy_unresolved: async (rig) =>
    bearer((await rig.createKey({ rules: { ...NO_RULES, guardrails: ['nobody-runs-it'] } })).secret),
}

/** Reasons that no request brings about at will: a server whose check fails in just that way. */
const FAILURES: Partial<Record<DenyReason, () => Error>> = {
  store_unavailable: () => new Failure('store_unavailable', 'canary: the store is gone'),
  overloaded: () => new Failure('overloaded', 'canary: too many wait'),
  deadline_exceeded: () => new Failure('deadline_exceeded', 'canary: too late'),
  internal_error: () => new Error('canary: a bug'),
}

/** Needs a model header to be configured: variants.test.ts. */
const ELSEWHERE: readonly DenyReason[] = ['model_conflict']

const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  503: 'api_error',
}

const patientCall = () => createCall(performance.now() + 10_000)

const allowed = ({ key }: { key: VirtualKey | undefined }): Decision => {
  if (key === undefined) throw new Error('the key should exist')
  return {
    outcome: 'allow',
    key,
    model: undefined,
    route: 'openai',
    guardrails: [],
    policies: [],
    limits: [],
    failedOpen: false,
    wouldDeny: undefined,
    near: [],
  }
}

it('no reason is left out', () => {
  const told = [...Object.keys(ARRANGE), ...Object.keys(FAILURES), ...ELSEWHERE]
  expect(told.toSorted()).toEqual(Object.keys(REASONS).toSorted())
})

describe.each(ENVOYS)('Envoy %s', (version) => {
  let rig: EnvoyRig
  beforeAll(async () => {
    rig = await startEnvoyRig({ version })
  })
  afterAll(() => rig.close())
  beforeEach(() => void rig.received())

  const expectRefusal = async (reason: DenyReason, request: RawRequest): Promise<void> => {
    const { status, retry } = REASONS[reason]
    const response = await rig.send(request)
    expect(response.status).toBe(status)
    expect(header(response, 'content-type')).toBe('application/json')
    expect(header(response, 'www-authenticate')).toBe(status === 401 ? 'Bearer' : undefined)
    expect(header(response, 'x-should-retry')).toBe(retry === undefined ? undefined : String(retry))
    expect(header(response, 'retry-after') !== undefined).toBe(status === 429 || status === 503)
    if (status === 429) {
      expect(header(response, 'x-ratelimit-remaining-requests')).toBe('0')
      expect(header(response, 'x-ratelimit-reset-requests')).toMatch(/^(\d+h)?(\d+m)?\d+m?s$/)
    }
    const decisionId = header(response, 'x-latchkey-decision-id')
    expect(decisionId).toMatch(/^dec_/)
    const body: unknown = JSON.parse(response.body)
    if (request.path === MESSAGES)
      expect(body).toMatchObject({
        type: 'error',
        request_id: decisionId,
        error: { type: reason === 'overloaded' ? 'overloaded_error' : ANTHROPIC_TYPES[status] },
      })
    else expect(body).toMatchObject({ error: { code: reason, decision_id: decisionId } })
    expect(response.body).not.toContain('canary')
    expect(rig.received()).toEqual([])
  }

  describe.each(['/v1/chat/completions', MESSAGES])('at %s', (path) => {
    it.each(Object.entries(ARRANGE) as [DenyReason, Arrange][])('%s', async (reason, arrange) => {
      await expectRefusal(reason, { ...(await arrange(rig)), path })
    })
  })

  describe('when the decision itself fails', () => {
    let server: GrpcServer | undefined
    afterEach(async () => {
      rig.proxy.aimAt(rig.app.address)
      await server?.drain()
    })

    it.each(Object.entries(FAILURES) as [DenyReason, () => Error][])('%s', async (reason, fail) => {
      server = await startCheckServer(() => Promise.reject(fail()))
      rig.proxy.aimAt(server.address)
      const request = bearer((await rig.createKey()).secret)
      await expectRefusal(reason, request)
      await expectRefusal(reason, { ...request, path: MESSAGES })
    })
  })

  it('Latchkey itself may change nothing but its own headers and credentials', async () => {
    const key = await rig.createKey()
    // Allows what it is asked, and wants to take away a header that is not its business.
    const meddler = await startCheckServer(
      async () => allowed(await rig.app.directory.find(digestSecret(key.secret), patientCall())),
      { credentialHeaders: ['cookie'] },
    )
    rig.proxy.aimAt(meddler.address)
    try {
      expect((await rig.send({ ...bearer(key.secret), headers: [['cookie', 'a=b']] })).status).toBe(500)
      expect(rig.received()).toEqual([])
    } finally {
      rig.proxy.aimAt(rig.app.address)
      await meddler.drain()
    }
  })

  it('unknown, malformed and revoked keys are told the same', async () => {
    const revoked = await rig.createKey()
    const { keyBook } = rig.app.store
    const unknown = await rig.createKey()
    await keyBook.revokeKey(revoked.id)
    const told = async (secret: string) => {
      const response = await rig.send(bearer(secret))
      const { error } = JSON.parse(response.body)
      return [response.status, error.code, error.type, error.message]
    }
    const malformed = await told(`${unknown.secret.slice(0, -1)}!`)
    expect(await told(revoked.secret)).toEqual(malformed)
    expect(await told('lk_0000000000000000000000000000000000000')).toEqual(malformed)
    expect(malformed[0]).toBe(401)
  })
})
