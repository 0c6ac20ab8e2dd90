// An answer that was put together from prepared parts is to the byte what the generated code would have sent.
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Allow } from '../../src/check/decision.ts'
import type { AllowAnswerOptions, AllowContext } from '../../src/grpc/allow-answers.ts'
import { createAllowAnswers } from '../../src/grpc/allow-answers.ts'
import { CheckResponse } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { allowResponse } from '../support/allow-response.ts'
import { anAttestor } from '../support/attestations.ts'
import { anAllow, arbitraryAllow, arbitraryDeny } from '../support/decisions.ts'
import { recordFigure } from '../support/figures.ts'
import { aKey, anOwner, aQuota, aState } from '../support/virtual-keys.ts'

const NOW_MS = Date.UTC(2026, 10, 21, 12, 0, 0)
const CREDENTIAL_HEADERS = [
  'authorization',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'sec-websocket-protocol',
]
const PROVING = process.env['LATCHKEY_PROVE'] === '1'

const contextOf = (more: Partial<AllowContext> = {}): AllowContext => ({
  decisionId: `dec_${randomUUID()}`,
  now: () => NOW_MS,
  stale: false,
  request: undefined,
  ...more,
})

const generated = (allow: Allow, context: AllowContext, more: Partial<AllowAnswerOptions> = {}): Buffer =>
  allowResponse(allow, context, { credentialHeaders: CREDENTIAL_HEADERS, ...more })

const answersOf = (more: Partial<AllowAnswerOptions> = {}) =>
  createAllowAnswers({ credentialHeaders: CREDENTIAL_HEADERS, ...more })

/** Few, so that the same ones come again and again: keys and lists are known by identity. */
const KEYS = [
  aKey(),
  aKey({ id: 'key_2', owners: [anOwner({ path: 'acme/search/ann' }), anOwner({ path: 'acme' })] }),
  aKey({
    id: 'key_4',
    quotas: [aQuota({ period: 'hour', amount: 30 })],
    owners: [anOwner({ quotas: [aQuota({ subject: 'acme', period: 'minute', amount: 0xffff_ffff })] })],
  }),
  aKey({
    id: 'key_3',
    labels: { env: 'prod', team: 'search' },
    owners: [anOwner({ path: 'a'.repeat(120) })],
  }),
  aKey({ id: `key_${'k'.repeat(200)}`, owners: [anOwner({ path: '' })] }),
]
const MODELS = [
  undefined,
  '',
  ...Array.from({ length: 12 }, (_, at) => `gpt-${at}`),
  'm'.repeat(127),
  'Secret'.repeat(40),
]
const LISTS = [[], ['pii-mask'], ['pii-mask'], ['pii-mask', 'toxicity'], ['n'.repeat(130)]]

const state = fc
  .record({
    amount: fc.oneof(fc.nat(), fc.maxSafeNat()),
    remaining: fc.oneof(fc.nat(1), fc.nat(), fc.maxSafeNat()),
    resetsAtMs: fc.option(fc.integer({ min: NOW_MS - 5_000, max: NOW_MS + 40 * 86_400_000 }), {
      nil: undefined,
    }),
    period: fc.constantFrom('minute' as const, 'hour' as const, 'month' as const, 'total' as const),
  })
  .map(({ period, ...more }) => aState({ ...more, quota: aQuota({ period }) }))

const known = fc
  .record({
    key: fc.constantFrom(...KEYS),
    model: fc.constantFrom(...MODELS),
    route: fc.constantFrom(undefined, 'openai', 'r'.repeat(128)),
    guardrails: fc.constantFrom(...LISTS),
    policies: fc.constantFrom(...LISTS),
    limits: fc.array(state, { maxLength: 3 }),
    near: fc.array(fc.record({ state, percent: fc.nat(100) }), { maxLength: 2 }),
    failedOpen: fc.boolean(),
    wouldDeny: fc.option(arbitraryDeny, { nil: undefined, freq: 3 }),
  })
  .map(anAllow)

/** Of a websocket, rarely: with a key among them, alone, or without one. */
const protocols = fc.oneof(
  { weight: 3, arbitrary: fc.constant([]) },
  {
    weight: 1,
    arbitrary: fc
      .array(
        fc
          .array(fc.constantFrom('realtime', 'openai-insecure-api-key.lk_x', 'p'.repeat(130)), {
            minLength: 1,
            maxLength: 3,
          })
          .map((entries) => entries.join(', ')),
        { minLength: 1, maxLength: 2 },
      )
      .map((lines) => [['sec-websocket-protocol', lines] as const]),
  },
)

const asked = fc.tuple(
  fc.oneof({ weight: 9, arbitrary: known }, { weight: 1, arbitrary: arbitraryAllow }),
  fc.record({
    stale: fc.boolean(),
    decisionId: fc.uuid().map((uuid) => `dec_${uuid}`),
    request: fc
      .option(fc.tuple(fc.array(fc.string({ maxLength: 130 }), { maxLength: 2 }), protocols), {
        nil: undefined,
      })
      .map((told) => told && { headers: new Map([['x-request-id', told[0]], ...told[1]]) }),
  }),
)

/** Ed25519 signs the same in the same way, so an answer can be held against another. */
const SERVERS: readonly Partial<AllowAnswerOptions>[] = [
  {},
  { credentialHeaders: ['x-api-key'] },
  { guardrailHeader: 'x-guardrails', tellShadow: true },
  { attestor: anAttestor() },
  { guardrailHeader: 'x-guardrails', attestor: anAttestor(undefined, { audience: 'vllm' }) },
]

describe('a prepared answer', () => {
  it('is to the byte what the generated code makes of the same Allow, whatever was answered before', {
    timeout: PROVING ? 580_000 : 20_000,
  }, () => {
    const servers = SERVERS.map((options) => ({ options, answers: answersOf(options) }))
    const numRuns = PROVING ? 1_000_000 : 5_000
    fc.assert(
      fc.property(asked, fc.constantFrom(...servers), ([allow, more], { options, answers }) => {
        const context = contextOf(more)
        if (answers(allow, context).equals(generated(allow, context, options))) return
        expect(CheckResponse.decode(answers(allow, context))).toEqual(
          CheckResponse.decode(generated(allow, context, options)),
        )
        throw new Error('the bytes differ, the meaning does not')
      }),
      { numRuns },
    )
    recordFigure({
      name: 'generated Allows whose prepared answer is to the byte that of the generated code',
      value: numRuns,
      unit: 'answers',
      command: 'LATCHKEY_PROVE=1 vitest run test/grpc/allow-answers.test.ts',
    })
  })

  it('belongs to its caller: what is done to it later changes no other', () => {
    const answers = answersOf()
    const allow = anAllow({ model: 'gpt-4o' })
    const context = contextOf()
    answers(allow, context).fill(0)
    expect(answers(allow, context)).toEqual(generated(allow, context))
  })

  it('follows a key whose guardrails or policies were changed', () => {
    const answers = answersOf()
    const key = aKey()
    const context = contextOf()
    for (const names of [['pii-mask'], [], ['toxicity'], ['pii-mask', 'toxicity']])
      for (const more of [{ guardrails: names }, { policies: names }]) {
        const allow = anAllow({ key, ...more })
        expect(answers(allow, context)).toEqual(generated(allow, context))
      }
  })

  it('removes the credential headers of its server, and no other', () => {
    for (const credentialHeaders of [[], ['x-key'], ['x-key', 'x-latchkey-route']]) {
      const allow = anAllow()
      const context = contextOf()
      const expected = generated(allow, context, { credentialHeaders })
      expect(answersOf({ credentialHeaders })(allow, context)).toEqual(expected)
    }
  })
})

describe('what is never sent', () => {
  it.each(['a\r\nb', 'a\nb', 'a\0b', 'caf\u00e9', '\u007f', '\u{1f511}'])('%j in any name', (name) => {
    const answers = answersOf()
    const named = [
      { model: name },
      { route: name },
      { guardrails: ['pii-mask', name] },
      { policies: [name] },
      { key: aKey({ id: name }) },
      { key: aKey({ owners: [anOwner({ path: name })] }) },
    ]
    // Twice: what could not be prepared is not remembered as if it could.
    for (const more of [...named, ...named])
      expect(() => answers(anAllow(more), contextOf())).toThrow('cannot be sent')
  })

  it('a header that is both set and removed', () => {
    expect(() => answersOf({ credentialHeaders: ['x-latchkey-owner'] })(anAllow(), contextOf())).toThrow(
      'both',
    )
  })

  it.each(['', 'dec_1', `dec_${randomUUID()}0`])('an id that does not fit (%j)', (decisionId) => {
    expect(() => answersOf()(anAllow(), contextOf({ decisionId }))).toThrow('another length')
  })
})
