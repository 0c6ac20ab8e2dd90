// Every decision becomes an answer that Envoy cannot misread.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Decision, DenyReason } from '../../src/check/decision.ts'
import { deny, REASONS } from '../../src/check/decision.ts'
import { toCheckResponse, toErrorResponse } from '../../src/grpc/check-response.ts'
import type { HeaderValueOption } from '../../src/grpc/gen/envoy/config/core/v3/base.ts'
import type { CheckResponse } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { OWN_HEADER_NAMES } from '../../src/grpc/upstream-headers.ts'
import type { AnsweringContext } from '../support/answered.ts'
import { answered } from '../support/answered.ts'
import {
  ALL_REASONS,
  aListing,
  anAllow,
  arbitraryAllow,
  arbitraryDecision,
  arbitraryDeny,
} from '../support/decisions.ts'
import { aKey, anOwner, aQuota, aState } from '../support/virtual-keys.ts'

const NOW_MS = Date.UTC(2026, 10, 21, 12, 0, 0)

const CREDENTIAL_HEADERS = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key']

/** As long as each of them is. */
const DECISION_ID = 'dec_00000000-0000-4000-8000-000000000001'

const context = (more: Partial<AnsweringContext> = {}): AnsweringContext => ({
  decisionId: DECISION_ID,
  shape: 'openai',
  credentialHeaders: CREDENTIAL_HEADERS,
  nowMs: NOW_MS,
  stale: false,
  ...more,
})

/** Over the wire, as it really arrives. */
const answer = (decision: Decision, more: Partial<AnsweringContext> = {}): CheckResponse =>
  answered(decision, context(more))

const passed = (response: CheckResponse) => {
  if (response.httpResponse?.$case !== 'okResponse') throw new Error('not passed')
  return response.httpResponse.value
}

const refused = (response: CheckResponse) => {
  if (response.httpResponse?.$case !== 'deniedResponse') throw new Error('not refused')
  const { status, headers, body } = response.httpResponse.value
  return { status: status?.code ?? 0, headers: plain(headers), body: JSON.parse(body) as unknown }
}

const plain = (headers: readonly HeaderValueOption[]): Readonly<Record<string, string>> =>
  Object.fromEntries(headers.map(({ header }) => [header?.key ?? '', header?.value ?? '']))

describe('an Allow', () => {
  it('tells the upstream who asks and for what', () => {
    const allow = anAllow({
      key: aKey({ id: 'key_7', owners: [anOwner({ path: 'acme/search' }), anOwner()] }),
      model: 'gpt-4o',
      route: 'openai',
      guardrails: ['pii-mask', 'toxicity'],
      policies: ['default@3', 'strict@1'],
    })
    const { headers, headersToRemove } = passed(answer(allow))
    expect(plain(headers)).toEqual({
      'x-latchkey-key-id': 'key_7',
      'x-latchkey-owner': 'acme/search',
      'x-latchkey-model': 'gpt-4o',
      'x-latchkey-route': 'openai',
      'x-latchkey-guardrails': 'pii-mask,toxicity',
      'x-latchkey-policy': 'default@3,strict@1',
    })
    expect(headersToRemove.toSorted()).toEqual(
      [
        ...CREDENTIAL_HEADERS,
        'x-envoy-auth-failure-mode-allowed',
        'x-latchkey-affinity',
        'x-latchkey-attestation',
        'x-latchkey-cached-prefix-tokens',
      ].toSorted(),
    )
  })

  it('sets or removes each header of ours, and never both, whatever was decided', () => {
    fc.assert(
      fc.property(arbitraryAllow, (allow) => {
        const { headers, headersToRemove } = passed(answer(allow))
        const set = headers.map(({ header }) => header?.key ?? '')
        expect([...set, ...headersToRemove].toSorted()).toEqual(
          [...OWN_HEADER_NAMES, ...CREDENTIAL_HEADERS, 'x-envoy-auth-failure-mode-allowed'].toSorted(),
        )
      }),
    )
  })

  it('overwrites by both of the words that Envoy listens to', () => {
    const { headers, responseHeadersToAdd } = passed(answer(anAllow({ limits: [aState()] })))
    for (const { append, appendAction, header } of [...headers, ...responseHeadersToAdd]) {
      expect({ append, appendAction }).toEqual({ append: false, appendAction: 2 })
      expect(header?.value).not.toBe('')
      expect(header?.rawValue).toHaveLength(0)
    }
  })

  it('tells the client what remains of the limit with the least remaining', () => {
    const limits = [
      aState({ quota: aQuota({ amount: 100 }), amount: 100, remaining: 50 }),
      aState({ amount: 10, remaining: 3, resetsAtMs: NOW_MS + 360_000 }),
      aState({ amount: 20, remaining: 3, resetsAtMs: NOW_MS + 60_000 }),
    ]
    expect(plain(passed(answer(anAllow({ limits }))).responseHeadersToAdd)).toEqual({
      'x-ratelimit-limit-requests': '10',
      'x-ratelimit-remaining-requests': '3',
      'x-ratelimit-reset-requests': '6m0s',
    })
  })

  it('tells the client of no limit when none applies, and of no reset when a limit never resets', () => {
    expect(passed(answer(anAllow())).responseHeadersToAdd).toEqual([])
    const total = [aState({ amount: 10, remaining: 3, resetsAtMs: undefined })]
    expect(Object.keys(plain(passed(answer(anAllow({ limits: total }))).responseHeadersToAdd))).toEqual([
      'x-ratelimit-limit-requests',
      'x-ratelimit-remaining-requests',
    ])
  })

  it('tells the client of the fullest limit that is nearly used up', () => {
    const near = [
      { state: aState({ quota: aQuota({ period: 'month' }) }), percent: 93 },
      { state: aState({ quota: aQuota({ period: 'minute' }) }), percent: 83 },
    ]
    expect(plain(passed(answer(anAllow({ near }))).responseHeadersToAdd)).toEqual({
      'x-latchkey-soft-limit': 'requests/month;used=93',
    })
  })

  it('leaves facts for later filters', () => {
    const { dynamicMetadata } = answer(anAllow({ model: 'gpt-4o' }))
    expect(dynamicMetadata).toEqual({
      key_id: 'key_1',
      owner: 'acme',
      model: 'gpt-4o',
      decision_id: DECISION_ID,
      outcome: 'allow',
    })
  })

  it('says so when it rests on what was remembered in an outage', () => {
    expect(answer(anAllow(), { stale: true }).dynamicMetadata).toMatchObject({ stale: 'true' })
  })

  it.each(['a\r\nb', 'a\nb', 'a\0b', 'caf\u00e9', '\u007f'])('with %j in a header is never sent', (model) => {
    expect(() => answer(anAllow({ model }))).toThrow('cannot be sent')
  })

  it('that would both set and remove a header is never sent', () => {
    expect(() => answer(anAllow(), { credentialHeaders: ['x-latchkey-owner'] })).toThrow('both')
  })
})

describe('the status that decides', () => {
  it('is OK for an Allow and for nothing else, and an HTTP status goes with every refusal', () => {
    fc.assert(
      fc.property(
        arbitraryDecision,
        fc.constantFrom('openai' as const, 'anthropic' as const),
        (decision, shape) => {
          const response = answer(decision, { shape })
          expect(response.status).toBeDefined()
          expect(response.status?.code === 0).toBe(decision.outcome === 'allow')
          if (decision.outcome !== 'allow') expect(refused(response).status).toBeGreaterThanOrEqual(200)
        },
      ),
    )
  })

  it('is never OK for what cannot be known, in the form that leaves it to Envoy either', () => {
    fc.assert(
      fc.property(arbitraryDeny, (decision) => {
        const response = toErrorResponse(decision, context())
        expect(response.status?.code).toBeGreaterThan(0)
        expect(response.httpResponse).toMatchObject({
          $case: 'errorResponse',
          value: { status: { code: REASONS[decision.reason].status } },
        })
      }),
    )
  })

  it('never stands on bytes that Envoy would refuse', () => {
    fc.assert(
      fc.property(arbitraryDeny, (decision) => {
        const { headers } = refused(answer(decision))
        for (const value of Object.values(headers)) expect(value).toMatch(/^[\x20-\x7e]+$/)
      }),
    )
  })
})

describe('a Deny', () => {
  const TABLE: Readonly<Record<DenyReason, readonly [status: number, shouldRetry: string | undefined]>> = {
    missing_key: [401, 'false'],
    ambiguous_key: [401, 'false'],
    invalid_key: [401, 'false'],
    key_expired: [401, 'false'],
    key_not_yet_valid: [401, 'false'],
    key_disabled: [403, 'false'],
    owner_disabled: [403, 'false'],
    model_not_allowed: [403, 'false'],
    path_not_allowed: [403, 'false'],
    network_not_allowed: [403, 'false'],
    outside_hours: [403, 'false'],
    model_required: [400, 'false'],
    request_malformed: [400, 'false'],
    model_conflict: [400, 'false'],
    body_too_large: [413, 'false'],
    quota_exhausted: [429, 'false'],
    rate_limited: [429, 'true'],
    policy_unresolved: [503, 'true'],
    store_unavailable: [503, 'true'],
    overloaded: [503, 'true'],
    deadline_exceeded: [503, 'true'],
    internal_error: [500, undefined],
  }

  it.each(ALL_REASONS)('for %s has its status, its advice to retry and its challenge', (reason) => {
    const [httpStatus, shouldRetry] = TABLE[reason]
    const { status, headers } = refused(answer(deny(reason, 'words')))
    expect(status).toBe(httpStatus)
    expect(headers).toEqual({
      'content-type': 'application/json',
      'x-latchkey-decision-id': DECISION_ID,
      'x-request-id': DECISION_ID,
      ...(shouldRetry === undefined ? {} : { 'x-should-retry': shouldRetry }),
      ...(httpStatus === 401 ? { 'www-authenticate': 'Bearer' } : {}),
      ...(httpStatus === 503 ? { 'retry-after': '1' } : {}),
    })
  })

  it('by a quota says when to come back and what the limit is', () => {
    const limits = [aState({ amount: 10, remaining: 0, resetsAtMs: NOW_MS + 86_390_000 })]
    const { headers } = refused(answer(deny('quota_exhausted', 'words', { limits, retryAfterS: 86_390 })))
    expect(headers).toMatchObject({
      'retry-after': '86390',
      'x-ratelimit-limit-requests': '10',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '23h59m50s',
    })
  })

  it('leaves facts for the access log, those of the key when it is known', () => {
    expect(answer(deny('missing_key', 'words')).dynamicMetadata).toEqual({
      decision_id: DECISION_ID,
      outcome: 'deny',
      reason: 'missing_key',
    })
    expect(answer(deny('key_expired', 'words', { key: aKey() })).dynamicMetadata).toEqual({
      decision_id: DECISION_ID,
      outcome: 'deny',
      reason: 'key_expired',
      key_id: 'key_1',
      owner: 'acme',
    })
  })

  it("carries the operator's detail nowhere", () => {
    const response = toCheckResponse(deny('invalid_key', 'words', { detail: 'SECRET DETAIL' }), context())
    expect(JSON.stringify(response)).not.toContain('SECRET')
  })
})

describe('a listing', () => {
  it("is answered in Envoy's stead in OpenAI's shape", () => {
    const { status, headers, body } = refused(answer(aListing(['gpt-4o', 'o3'])))
    expect({ status, type: headers['content-type'] }).toEqual({ status: 200, type: 'application/json' })
    expect(body).toEqual({
      object: 'list',
      data: ['gpt-4o', 'o3'].map((id) => ({ id, object: 'model', created: 0, owned_by: 'latchkey' })),
    })
  })

  it("is answered in Envoy's stead in Anthropic's shape", () => {
    const { status, body } = refused(answer(aListing(['a', 'b']), { shape: 'anthropic' }))
    expect(status).toBe(200)
    expect(body).toMatchObject({
      data: [
        { type: 'model', id: 'a', display_name: 'a' },
        { type: 'model', id: 'b', display_name: 'b' },
      ],
      has_more: false,
      first_id: 'a',
      last_id: 'b',
    })
    expect(refused(answer(aListing([]), { shape: 'anthropic' })).body).toMatchObject({
      data: [],
      first_id: null,
    })
  })
})
