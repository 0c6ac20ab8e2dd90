// One line for a decision at most, and never a secret in it, wherever a client put one.
import { expect, it } from 'vitest'
import type { AuthRequest } from '../../src/check/auth-request.ts'
import { deny } from '../../src/check/decision.ts'
import { Failure } from '../../src/kernel/failure.ts'
import { createSecrets, DEFAULT_SECRET_FORMATS, digestSecret } from '../../src/keys/secret.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { aListing, anAllow } from '../support/decisions.ts'
import { aClient, aServer, ask } from '../support/grpc-rig.ts'
import { aKey } from '../support/virtual-keys.ts'

const CANARY = createSecrets(DEFAULT_SECRET_FORMATS).mint()
const DIGEST = Buffer.from(digestSecret(CANARY)).toString('hex')

const linesOf = async (
  check: (request: AuthRequest | undefined) => ReturnType<Parameters<typeof aServer>[1] & {}>,
  {
    options = {},
    ...request
  }: Parameters<typeof aCheckRequest>[0] & { options?: Parameters<typeof aServer>[0] } = {},
) => {
  const server = await aServer(options, check)
  await ask(aClient(server.address), aCheckRequest(request)).catch(() => {})
  return server.logged.map((line): Record<string, unknown> => JSON.parse(line))
}

it('a refusal is one line at info that says why, whose and for what', async () => {
  const denial = deny('model_not_allowed', 'public', { key: aKey(), detail: 'for the operator' })
  expect(await linesOf(async () => denial, { path: '/v1/messages?x=y' })).toEqual([
    {
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      level: 'info',
      msg: 'check denied',
      decision_id: expect.stringMatching(/^dec_/),
      decision: 'deny',
      reason: 'model_not_allowed',
      detail: 'for the operator',
      key_id: 'key_1',
      owner: 'acme',
      method: 'POST',
      path: '/v1/messages',
      duration_ms: expect.any(Number),
      cache: 'none',
      store_reads: 0,
      store_writes: 0,
    },
  ])
})

it('a name that nobody knows is told louder than what a client did wrong', async () => {
  expect(await linesOf(async () => deny('policy_unresolved', 'words'))).toMatchObject([{ level: 'warn' }])
})

it.each(['in_band', 'grpc_error'] as const)(
  'what cannot be known is one line at error (%s)',
  async (failureAnswer) => {
    const failure = new Failure('store_unavailable', 'no connection', { cause: new Error('ECONNREFUSED') })
    const lines = await linesOf(() => Promise.reject(failure), { options: { failureAnswer } })
    expect(lines).toMatchObject([
      { level: 'error', reason: 'store_unavailable', error: 'no connection', cause: 'ECONNREFUSED' },
    ])
  },
)

it.each([
  [1, 1],
  [0, 0],
])('at a rate of %d an Allow and a listing make %d lines each', async (allowLogSampleRate, lines) => {
  const options = { allowLogSampleRate }
  expect(await linesOf(async () => anAllow({ model: 'gpt-4o' }), { options })).toHaveLength(lines)
  expect(await linesOf(async () => aListing([]), { options })).toHaveLength(lines)
})

it('a refusal is told whatever part of Allows is', async () => {
  const lines = await linesOf(async () => deny('missing_key', ''), { options: { allowLogSampleRate: 0 } })
  expect(lines).toHaveLength(1)
})

it('a secret reaches no line, wherever the client put it and whoever repeats it', async () => {
  const everywhere = {
    method: CANARY,
    path: `/${CANARY}/v1/models/${DIGEST}?key=${CANARY}#${CANARY}`,
    headers: [
      ['authorization', `Bearer ${CANARY}`],
      ['x-other', CANARY],
    ] as const,
    body: JSON.stringify({ model: CANARY, messages: [CANARY] }),
    contextExtensions: { latchkey_guardrails: CANARY },
  }
  const cause = new Error(`Duplicate entry '${DIGEST}' for key`)
  const outcomes = [
    async () => anAllow({ model: CANARY }),
    async () => deny('model_not_allowed', `The model "${CANARY}" is not allowed.`),
    () => Promise.reject(new Failure('store_unavailable', `lookup of ${CANARY}`, { cause })),
    () => Promise.reject(new Error(`bug about ${CANARY}`, { cause })),
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors
    () => Promise.reject(CANARY),
    async () => anAllow({ model: `${CANARY}\n` }),
  ]
  for (const outcome of outcomes) {
    const lines = await linesOf(outcome, everywhere)
    expect(lines).toHaveLength(1)
    for (const secret of [CANARY, CANARY.slice(3, 33), DIGEST])
      expect(JSON.stringify(lines)).not.toContain(secret)
  }
})

it('what a client wrote is escaped and cut at 128 bytes', async () => {
  const path = `/a\u0000b\u009b\u202e${'/x'.repeat(1_000)}`
  const [line] = await linesOf(async () => anAllow({ model: 'm.'.repeat(128) }), {
    path,
    method: 'M'.repeat(20),
  })
  for (const name of ['path', 'model', 'method']) {
    expect(line?.[name]).toMatch(/^[\x20-\x7e]*$/)
    expect(String(line?.[name]).length).toBeLessThanOrEqual(128)
  }
  expect(line?.['path']).toMatch(/^\/a\\u0000b/)
})
