// A decision that breaks with a key in its words: whatever was thrown, and however it is answered, no key is told.
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FailureReason } from '../../src/kernel/failure.ts'
import { Failure } from '../../src/kernel/failure.ts'
import { digestSecret } from '../../src/keys/secret.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { startTelemetry } from '../../src/telemetry/telemetry.ts'
import { mintCanary } from '../support/canary-keys.ts'
import { summarise } from '../support/check-client.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { anAllow } from '../support/decisions.ts'
import { aClient, aServer, ask } from '../support/grpc-rig.ts'
import type { OtlpCollector } from '../support/otlp-collector.ts'
import { createOtlpCollector } from '../support/otlp-collector.ts'
import { createSieve } from '../support/secret-sieve.ts'

const CANARIES = process.env['LATCHKEY_PROVE'] === '1' ? 1_000 : 100
/** Each key in each fifth of the twelve errors. */
const STRIDE = 5

const secrets = Array.from({ length: CANARIES }, (_, number) => mintCanary(number))

const failure = (reason: FailureReason) => (secret: string) =>
  new Failure(reason, `about ${secret}`, {
    cause: new Error(`Duplicate entry '${hexOf(secret)}' for key 'PRIMARY': ${secret}`, {
      cause: new Error(secret),
    }),
  })

const hexOf = (secret: string) => Buffer.from(digestSecret(secret)).toString('hex')

/** What is thrown in place of a decision. */
const THROWN: readonly ((secret: string) => unknown)[] = [
  failure('store_unavailable'),
  failure('overloaded'),
  failure('deadline_exceeded'),
  (secret) => new Error(secret),
  (secret) => new TypeError(`cannot read ${secret} of undefined`, { cause: { secret } }),
  (secret) =>
    Object.assign(new Error('query failed'), { sql: secret, parameters: [secret, digestSecret(secret)] }),
  (secret) => new AggregateError([new Error(secret), secret], secret),
  (secret) => Object.assign(new Error('words'), { name: secret, code: secret }),
  (secret) => secret,
  (secret) => ({ secret, toString: () => secret }),
  (secret) => `Bearer ${secret}, ${hexOf(secret)}`,
]

/** What cannot be encoded, which is found out after the decision. */
const unsendable = (secret: string) => anAllow({ model: secret, guardrails: [`${secret}\n`], route: secret })

let collector: OtlpCollector
const told = { answers: '', 'gRPC errors': '', log: '', page: '' }
const reasons = new Set<string>()

beforeAll(async () => {
  collector = await createOtlpCollector()
  Object.assign(process.env, {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_BSP_MAX_QUEUE_SIZE: '100000',
  })
  const silent = createLogger({ level: 'silent', format: 'json' })
  const options = { version: '1.2.3', traces: true, metrics: true, serviceName: 'latchkey' }
  const telemetry = await startTelemetry(options, silent)
  for (const failureAnswer of ['in_band', 'grpc_error', 'error_response'] as const) {
    const server = await aServer({ failureAnswer }, async (request) => {
      const [, number = '', secret = ''] = request?.path.split('/') ?? []
      const thrown = THROWN[Number(number)]
      if (thrown === undefined) return unsendable(secret)
      throw thrown(secret)
    })
    const client = aClient(server.address)
    for (const [at, secret] of secrets.entries()) {
      const numbers = [...THROWN.keys(), THROWN.length].filter((number) => (number + at) % STRIDE === 0)
      const asking = numbers.map(async (number) => {
        const request = aCheckRequest({
          path: `/${number}/${secret}`,
          headers: [['x-api-key', secret]],
          body: secret,
        })
        try {
          const response = await ask(client, request, { authorization: `Bearer ${secret}` })
          reasons.add(summarise(response).reason)
          told.answers += inspect(response, WHOLE)
        } catch (error) {
          told['gRPC errors'] += inspect(error, WHOLE)
        }
      })
      await Promise.all(asking)
    }
    await server.drain()
    told.log += server.logged.join('')
  }
  told.page = await telemetry.renderMetrics()
  await telemetry.close()
}, 300_000)
afterAll(() => collector.close())

const WHOLE = { depth: 9, maxArrayLength: null, maxStringLength: null }

describe('errors with a key in their words', () => {
  it('were answered in every form, counted, logged and traced', () => {
    expect([...reasons].toSorted()).toEqual(
      expect.arrayContaining(['deadline_exceeded', 'internal_error', 'overloaded', 'store_unavailable']),
    )
    const times = Math.floor((CANARIES * (THROWN.length + 1) * 3) / STRIDE)
    expect(told.log.split('check failed').length - 1).toBeGreaterThanOrEqual(times * 0.9)
    expect(told['gRPC errors'].split('UNAVAILABLE').length).toBeGreaterThan(CANARIES / STRIDE)
    expect(told.page).toContain('reason="internal_error"')
    expect(collector.spans.length).toBeGreaterThanOrEqual(times)
  })

  it.each(['answers', 'gRPC errors', 'log', 'page', 'spans'] as const)('tell none in %s', (place) => {
    const text = place === 'spans' ? collector.sent() : told[place]
    expect(createSieve(secrets).sift(text).slice(0, 5)).toEqual([])
  })
})
