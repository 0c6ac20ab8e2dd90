// Hostile requests: the exact answer to each, what it may cost the store, and no Allow for anything generated.
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSecrets, DEFAULT_SECRET_FORMATS } from '../../src/keys/secret.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import { answered } from '../support/answered.ts'
import { summarise } from '../support/check-client.ts'
import type { CheckRig } from '../support/check-rig.ts'
import { createCheckRig } from '../support/check-rig.ts'
import { recordFigure } from '../support/figures.ts'
import type { HostileSecrets } from '../support/hostile-requests.ts'
import { hostileRequests } from '../support/hostile-requests.ts'

const secrets = createSecrets(DEFAULT_SECRET_FORMATS)
const PLACEHOLDERS: HostileSecrets = {
  open: '',
  ruled: '',
  revoked: '',
  disabled: '',
  expired: '',
  unknown: '',
}
const NAMES = hostileRequests({ ...PLACEHOLDERS, open: secrets.mint() }).map(({ name }) => name)

let rig: CheckRig
let table: ReturnType<typeof hostileRequests>
let ruled: string

beforeAll(async () => {
  rig = await createCheckRig()
  const rules = { ...NO_RULES, models: ['gpt-4o'] }
  const [open, limitedToModel, revoked, disabled, expired] = await Promise.all([
    rig.createKey(),
    rig.createKey({ rules }),
    rig.createKey(),
    rig.createKey(),
    rig.createKey({ expiresAtMs: rig.clock.now() + 1 }),
  ])
  await rig.store.keyBook.revokeKey(revoked.id)
  await rig.store.keyBook.setKeyDisabled(disabled.id, true)
  rig.clock.advance(1)
  ruled = limitedToModel.secret
  table = hostileRequests({
    open: open.secret,
    ruled,
    revoked: revoked.secret,
    disabled: disabled.secret,
    expired: expired.secret,
    unknown: secrets.mint(),
  })
})
afterAll(() => rig.close())

const answerTo = async (parts: Parameters<CheckRig['ask']>[0]) => {
  const { decision } = await rig.ask(parts)
  const context = {
    decisionId: `dec_${randomUUID()}`,
    shape: 'openai' as const,
    credentialHeaders: rig.deps.credentialHeaders,
    nowMs: 0,
    stale: false,
  }
  const { allowed, httpStatus, reason } = summarise(answered(decision, context))
  return allowed ? 'allow' : `${httpStatus} ${reason}`
}

test('the table holds at least 80 requests, each under its own name', () => {
  recordFigure({
    name: 'hostile requests with an exact answer and cost, in both forms of headers',
    value: NAMES.length,
  })
  expect(new Set(NAMES).size).toBe(NAMES.length)
  expect(NAMES.length).toBeGreaterThanOrEqual(80)
})

describe.each(NAMES.map((name, at) => ({ name, at })))('$at $name', ({ at }) => {
  test.each([{ asMap: false }, { asMap: true }])(
    'is answered exactly, at its cost (asMap: $asMap)',
    async ({ asMap }) => {
      const entry = table[at]
      if (entry === undefined) throw new Error('the table changed between its two readings')
      rig.forgetEverything()
      rig.storeCalls()
      expect(await answerTo({ ...entry, asMap })).toBe(entry.answer)
      expect(rig.storeCalls()).toBe(entry.reads)
    },
  )
})

describe('generated requests', () => {
  const runs = process.env['LATCHKEY_PROVE'] === '1' ? 100_000 : 5_000
  const bytes = fc.uint8Array({ maxLength: 80 }).map((array) => Buffer.from(array))
  const scheme = fc.constantFrom('Bearer ', 'bearer ', 'Bearer', '', 'Basic ', 'lk_', 'Bearer lk_')
  const value = fc.tuple(scheme, bytes).map(([word, tail]) => Buffer.concat([Buffer.from(word), tail]))
  const name = fc.constantFrom(
    'authorization',
    'Authorization',
    'x-api-key',
    'api-key',
    'x-goog-api-key',
    'host',
    '',
    ':path',
    'x-latchkey-key-id',
  )
  const lines = fc.array(fc.tuple(name, value), { maxLength: 5 })
  const method = fc.oneof(fc.constantFrom('GET', 'POST', ''), fc.string())
  const path = fc.oneof(fc.constantFrom('/v1/models', '/v1/chat/completions', '/'), fc.string())
  const body = fc.oneof(
    bytes,
    fc.json().map((text) => Buffer.from(text)),
  )

  test(`${runs} without a valid key: no Allow, no crash, no store call`, { timeout: 600_000 }, async () => {
    rig.storeCalls()
    await fc.assert(
      fc.asyncProperty(lines, method, path, body, fc.boolean(), async (headers, m, p, b, asMap) => {
        expect(await answerTo({ headers, method: m, path: p, body: b, asMap })).toMatch(
          /^401 (missing|invalid|ambiguous)_key$/,
        )
      }),
      { numRuns: runs },
    )
    expect(rig.storeCalls()).toBe(0)
    recordFigure({ name: 'generated requests without a valid key: none allowed, no store call', value: runs })
  })

  test(`${runs} with a key bound to one model: no Allow but for that very model`, {
    timeout: 600_000,
  }, async () => {
    const json = fc.dictionary(
      fc.constantFrom('model', 'Model', 'x', 'model ', 'MODEL'),
      fc.jsonValue({ maxDepth: 1 }),
    )
    const text = fc.oneof(
      json.map((object) => JSON.stringify(object)),
      fc.string(),
      fc.constant('{"model":"gpt-4o"}'),
    )
    await fc.assert(
      fc.asyncProperty(text, method, path, async (b, m, p) => {
        const answer = await answerTo({ headers: [['x-api-key', ruled]], method: m, path: p, body: b })
        const mayPass = (m === 'GET' && /^\/v1\/models(\?|$)/.test(p)) || modelOf(b) === 'gpt-4o'
        if (!mayPass) expect(answer).not.toBe('allow')
      }),
      { numRuns: runs },
    )
    recordFigure({
      name: 'generated requests with a key bound to one model: none allowed but for that model',
      value: runs,
    })
  })
})

const modelOf = (text: string): unknown => {
  try {
    return (JSON.parse(text) as { model?: unknown }).model
  } catch {
    return undefined
  }
}
