// Refusals that told too much, cost too much, or said the wrong thing to a client that wanted to do right.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSecrets, DEFAULT_SECRET_FORMATS } from '../../src/keys/secret.ts'
import { aKeyIn, anApp, mintSecret } from '../support/app-rig.ts'
import { summarise } from '../support/check-client.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { createCheckRig } from '../support/check-rig.ts'
import { onClose } from '../support/closing.ts'
import type { EnvoyRig } from '../support/envoy-rig.ts'
import { chatBody, startEnvoyRig } from '../support/envoy-rig.ts'
import { aClient, aServer, ask } from '../support/grpc-rig.ts'
import { header } from '../support/raw-client.ts'
import { ENVOYS } from '../support/tested-envoys.ts'

const { mint } = createSecrets(DEFAULT_SECRET_FORMATS)

// Each wrong key was a look-up in the database, and a flood of them took it from everybody else.
test('LiteLLM #26729 #42690: 10,000 malformed keys cost the store nothing, and one that is unknown costs one look-up for a while', async () => {
  const rig = await createCheckRig()
  onClose(rig.close)
  const reasonOf = async (token: string) => {
    const { decision } = await rig.ask({ headers: [['authorization', `Bearer ${token}`]] })
    return decision.outcome === 'deny' ? decision.reason : decision.outcome
  }
  for (let each = 0; each < 10_000; each += 1) {
    const token = each % 2 === 0 ? `sk-${each}` : `${mint().slice(0, -6)}000000`
    if ((await reasonOf(token)) !== 'invalid_key') throw new Error(`${token} passed`)
  }
  expect(rig.storeCalls()).toBe(0)
  const unknown = mint()
  for (let each = 0; each < 1_000; each += 1) await reasonOf(unknown)
  expect(rig.storeCalls()).toBe(1)
  rig.clock.advance(60_000)
  expect(await reasonOf(unknown)).toBe('invalid_key')
  expect(rig.storeCalls()).toBe(1)
})

// The body said whether the key had ever existed, repeated it, or told of the table in which it was looked for.
test('LiteLLM #39787 #40217: wrong keys of every kind are told the same words, and no body tells of a key, a statement or a host', async () => {
  const rig = await anApp()
  const revoked = await aKeyIn(rig.app.store)
  await rig.app.store.keyBook.revokeKey(revoked.id)
  const unknown = mintSecret()
  const tokens = [
    revoked.secret,
    unknown,
    `${unknown.slice(0, -1)}_`,
    'x',
    "' OR 1=1",
    '\u0000',
    'a'.repeat(5_000),
  ]
  const bodies = await Promise.all(tokens.map(async (token) => (await rig.answer(token)).body))
  const words = bodies.map((body) => body.replace(/dec_[\w-]+/, 'dec_'))
  expect(new Set(words)).toEqual(new Set([expect.stringContaining('"code":"invalid_key"')]))
  for (const token of tokens.slice(0, 2))
    for (let at = 0; at + 12 <= token.length; at += 1)
      expect(bodies.join() + rig.log.join()).not.toContain(token.slice(at, at + 12))

  const cause =
    "ER_NO_SUCH_TABLE at mysql://latchkey:hunter2@db.internal:3306 in 'SELECT hash FROM key_secret'"
  const broken = await aServer({}, async () => {
    throw new Error(cause)
  })
  const { httpStatus, body } = summarise(await ask(aClient(broken.address), aCheckRequest()))
  expect(httpStatus).toBe(500)
  for (const word of ['ER_NO', 'mysql', 'hunter2', 'internal:3306', 'SELECT', ' at ', '.ts'])
    expect(body).not.toContain(word)
})

describe.each(ENVOYS)('Envoy %s', (version) => {
  let rig: EnvoyRig
  beforeAll(async () => {
    rig = await startEnvoyRig({ version })
  })
  afterAll(() => rig.close())

  // A spent budget was a 400, a 401 or a 500, nobody said when to come back, and SDKs could not read why.
  test.each([
    [
      'minute',
      '/v1/chat/completions',
      'gpt-4o-mini',
      { error: { code: 'rate_limited', type: 'rate_limit_error' } },
    ],
    [
      'day',
      '/v1/chat/completions',
      'gpt-4o-mini',
      { error: { code: 'quota_exhausted', type: 'insufficient_quota' } },
    ],
    ['minute', '/v1/messages', 'claude-haiku-4-5', { type: 'error', error: { type: 'rate_limit_error' } }],
    ['day', '/v1/messages', 'claude-haiku-4-5', { type: 'error', error: { type: 'rate_limit_error' } }],
  ] as const)(
    'LiteLLM #4139 #5957 #11083 #37044: a spent limit for each %s is a 429 at %s (%s) that says when to come back, in words its SDK reads',
    async (period, path, model, words) => {
      const limit = { unit: 'requests', period, zone: 'UTC', amount: 0 } as const
      const { secret } = await rig.createKey({ limits: [limit] })
      const response = await rig.send({
        path,
        headers: [['x-api-key', secret]],
        body: chatBody(model),
      })
      expect([response.status, header(response, 'content-type')]).toEqual([429, 'application/json'])
      expect(JSON.parse(response.body)).toMatchObject(words)
      const seconds = Number(header(response, 'retry-after'))
      expect(seconds).toBeGreaterThanOrEqual(1)
      expect(seconds).toBeLessThanOrEqual(period === 'minute' ? 60 : 86_400)
      expect(header(response, 'x-ratelimit-limit-requests')).toBe('0')
      expect(header(response, 'x-ratelimit-remaining-requests')).toBe('0')
      expect(header(response, 'x-ratelimit-reset-requests')).toMatch(/^(\d+h)?(\d+m)?\d+(ms|s)$/)
      expect(header(response, 'x-should-retry')).toBe(String(period === 'minute'))
    },
  )
})
