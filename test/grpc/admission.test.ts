// What is refused before it is read: too much in flight, or nobody waits for it any more.
import { Metadata } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAdmissionGate } from '../../src/grpc/admission-gate.ts'
import type { AskedCheck, CheckReply } from '../../src/grpc/authorization.ts'
import { createAuthorization } from '../../src/grpc/authorization.ts'
import { checkHandler } from '../../src/grpc/authorization-service.ts'
import type { DecisionFacts } from '../../src/grpc/decision-log.ts'
import { CheckResponse } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { createClock } from '../../src/kernel/clock.ts'
import { createCheckMetrics } from '../../src/telemetry/check-metrics.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { createOverloadMetrics } from '../../src/telemetry/overload-metrics.ts'
import type { Telemetry } from '../../src/telemetry/telemetry.ts'
import { startTelemetry } from '../../src/telemetry/telemetry.ts'
import { summarise } from '../support/check-client.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { anAllow } from '../support/decisions.ts'
import { aClient, aServer, ask, OPTIONS } from '../support/grpc-rig.ts'
import { samplesOf, sumIn } from '../support/metrics-page.ts'
import { until } from '../support/until.ts'

let telemetry: Telemetry
beforeAll(async () => {
  const log = createLogger({ level: 'silent', format: 'json' })
  telemetry = await startTelemetry(
    { version: '1.2.3', traces: false, metrics: true, serviceName: 'latchkey' },
    log,
  )
})
afterAll(() => telemetry.close())

describe('the gate', () => {
  it('stops look-ups at its bound and everything at twice of it, and opens again as Checks are answered', () => {
    const gate = createAdmissionGate({ maxInFlight: 2 })
    const seen = Array.from({ length: 5 }, () => [gate.enter(), gate.mayLookUp()])
    expect(seen).toEqual([
      [true, true],
      [true, true],
      [true, false],
      [true, false],
      [false, false],
    ])
    for (let each = 0; each < 4; each += 1) gate.leave()
    expect([gate.inFlight(), gate.mayLookUp(), gate.enter()]).toEqual([0, true, true])
  })
})

describe('a Check', () => {
  it('beyond twice the bound is answered 503 overloaded at once, with Retry-After, and the others are finished', async () => {
    const allowed = Promise.withResolvers<void>()
    let begun = 0
    const check = async () => {
      begun += 1
      await allowed.promise
      return anAllow()
    }
    const { address, logged } = await aServer({}, check, 5)
    const client = aClient(address)
    const held = Array.from({ length: 10 }, () => ask(client, aCheckRequest()))
    await until(() => begun === 10)
    const shed = await ask(client, aCheckRequest())
    expect(summarise(shed)).toMatchObject({ allowed: false, httpStatus: 503, reason: 'overloaded' })
    if (shed.httpResponse?.$case !== 'deniedResponse') throw new Error('not refused')
    const headers = shed.httpResponse.value.headers.map(({ header }) => [header?.key, header?.value])
    expect(headers).toContainEqual(['retry-after', '1'])
    expect(begun).toBe(10)
    expect(logged.filter((line) => line.includes('check failed'))).toEqual([])
    const samples = samplesOf(await telemetry.renderMetrics())
    expect(sumIn(samples, 'latchkey_checks_shed_total', { because: 'in_flight' })).toBe(1)
    expect(sumIn(samples, 'latchkey_checks_total', { reason: 'overloaded' })).toBe(1)
    allowed.resolve()
    for (const answer of await Promise.all(held)) expect(summarise(answer)).toMatchObject({ allowed: true })
    expect(summarise(await ask(client, aCheckRequest()))).toMatchObject({ allowed: true })
  })

  it('leaves the gate whatever becomes of it', async () => {
    const { address } = await aServer({}, async () => Promise.reject(new Error('a bug')), 1)
    const client = aClient(address)
    for (let each = 0; each < 5; each += 1)
      expect(summarise(await ask(client, aCheckRequest()))).toMatchObject({ reason: 'internal_error' })
  })

  it('that has been given up is not begun: no decision, no line, and a word of ours if anybody still listens', async () => {
    let begun = 0
    const told: DecisionFacts[] = []
    const answer = createAuthorization(OPTIONS, {
      check: async () => {
        begun += 1
        return anAllow()
      },
      clock: createClock(),
      admission: createAdmissionGate({ maxInFlight: 1 }),
      overload: createOverloadMetrics(),
      metrics: createCheckMetrics(),
      logDecision: (_outcome, facts) => told.push(facts),
      reportLimits: () => {},
      untold: () => {},
    })
    const replied = Promise.withResolvers<CheckReply>()
    const late = { bytes: Buffer.alloc(0), remainingMs: 1_000, metadata: new Map(), hasGivenUp: true }
    answer(late, replied.resolve)
    const reply = await replied.promise
    const response = CheckResponse.decode(reply.error === undefined ? reply.response : Buffer.alloc(0))
    expect(summarise(response)).toMatchObject({ httpStatus: 503, reason: 'deadline_exceeded' })
    expect([begun, told]).toEqual([0, []])
  })

  it('of which nobody can be told is answered all the same, leaves the gate, and harms nobody', () => {
    const bug = new Error('a bug of ours')
    const untold: unknown[] = []
    const replies: CheckReply[] = []
    const answer = createAuthorization(OPTIONS, {
      check: () => anAllow(),
      clock: createClock(),
      admission: createAdmissionGate({ maxInFlight: 1 }),
      overload: createOverloadMetrics(),
      metrics: createCheckMetrics(),
      logDecision: () => {
        throw bug
      },
      reportLimits: () => {},
      untold: (error) => untold.push(error),
    })
    const asked = { bytes: Buffer.alloc(0), remainingMs: 1_000, metadata: new Map(), hasGivenUp: false }
    for (let each = 0; each < 5; each += 1) answer(asked, (reply) => replies.push(reply))
    expect(replies.map(({ error }) => error)).toEqual([undefined, undefined, undefined, undefined, undefined])
    expect(untold).toEqual([bug, bug, bug, bug, bug])
  })

  it.each([
    ['passed over when its own deadline has passed', -60_000, false, true],
    ['passed over when its caller has left', 60_000, true, true],
    ['begun when there is time', 60_000, false, false],
    ['begun when it has no deadline', Number.POSITIVE_INFINITY, false, false],
  ])('is %s', (_name, deadlineMs, cancelled, givenUp) => {
    const asked: AskedCheck[] = []
    const handler = checkHandler((one) => {
      asked.push(one)
      return () => {}
    })
    const deadline = performance.timeOrigin + performance.now() + deadlineMs
    const call = { cancelled, getDeadline: () => deadline, metadata: new Metadata(), on: () => {} }
    // Of a call that grpc-js made nobody can say when it is looked at.
    handler(call as unknown as Parameters<typeof handler>[0], () => {})
    expect(asked.map(({ hasGivenUp }) => hasGivenUp)).toEqual([givenUp])
  })
})
