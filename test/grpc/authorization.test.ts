// Errors become answers, deadlines are kept, and nothing that goes wrong is ever an Allow.
import { status } from '@grpc/grpc-js'
import { describe, expect, it, vi } from 'vitest'
import type { AuthRequest } from '../../src/check/auth-request.ts'
import { deny } from '../../src/check/decision.ts'
import { deadlineOf } from '../../src/grpc/deadline.ts'
import type { CheckResponse } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { AuthorizationService } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import type { Call } from '../../src/kernel/call.ts'
import { Failure } from '../../src/kernel/failure.ts'
import { summarise } from '../support/check-client.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { anAllow } from '../support/decisions.ts'
import { aClient, aServer, ask } from '../support/grpc-rig.ts'

const FAILURES = ['store_unavailable', 'overloaded', 'deadline_exceeded'] as const

const failing = (error: unknown) => async (): Promise<never> => {
  throw error
}

describe('what cannot be known', () => {
  it.each(FAILURES)('for %s is a 503 with advice when to come back', async (reason) => {
    const { address } = await aServer({}, failing(new Failure(reason, 'internal words')))
    const response = await ask(aClient(address), aCheckRequest())
    expect(summarise(response)).toMatchObject({ allowed: false, httpStatus: 503, reason })
    expect(JSON.stringify(response)).toContain('"retry-after"')
    expect(JSON.stringify(response)).not.toContain('internal words')
  })

  it.each(FAILURES)('for %s is a gRPC error when the operator leaves it to Envoy', async (reason) => {
    const { address } = await aServer(
      { failureAnswer: 'grpc_error' },
      failing(new Failure(reason, 'internal words')),
    )
    await expect(ask(aClient(address), aCheckRequest())).rejects.toMatchObject({
      code: status.UNAVAILABLE,
      details: reason,
    })
  })

  it.each(FAILURES)(
    'for %s is an error_response when the operator leaves it to a newer Envoy',
    async (reason) => {
      const { address } = await aServer(
        { failureAnswer: 'error_response' },
        failing(new Failure(reason, 'words')),
      )
      const { status: rpcStatus, httpResponse } = await ask(aClient(address), aCheckRequest())
      expect(rpcStatus?.code).toBe(status.UNAVAILABLE)
      expect(httpResponse).toMatchObject({ $case: 'errorResponse', value: { status: { code: 503 } } })
    },
  )

  it.each(['grpc_error', 'error_response'] as const)(
    'as %s never covers a refusal, not even one that says 503',
    async (failureAnswer) => {
      const { address } = await aServer({ failureAnswer }, async () => deny('policy_unresolved', 'words'))
      const response = await ask(aClient(address), aCheckRequest())
      expect(summarise(response)).toMatchObject({ httpStatus: 503, reason: 'policy_unresolved' })
    },
  )
})

describe('a bug of ours', () => {
  const expectInternalError = (response: CheckResponse) => {
    expect(summarise(response)).toMatchObject({ allowed: false, httpStatus: 500, reason: 'internal_error' })
  }

  it.each(['in_band', 'grpc_error', 'error_response'] as const)(
    'is a 500 and a loud line, whatever %s says of outages',
    async (failureAnswer) => {
      const { address, logged } = await aServer(
        { failureAnswer },
        failing(new TypeError('x is not a function')),
      )
      expectInternalError(await ask(aClient(address), aCheckRequest()))
      expect(logged).toHaveLength(1)
      expect(JSON.parse(logged[0] ?? '')).toMatchObject({
        level: 'error',
        reason: 'internal_error',
        error: 'x is not a function',
        stack: expect.stringContaining('authorization.test.ts'),
      })
    },
  )

  it('that throws something other than an error is a 500 too', async () => {
    const { address } = await aServer({}, failing('words'))
    expectInternalError(await ask(aClient(address), aCheckRequest()))
  })

  it('that makes an Allow which cannot be sent is a 500, never an Allow', async () => {
    const { address, logged } = await aServer({}, async () =>
      anAllow({ model: 'a\r\nx-latchkey-owner: root' }),
    )
    expectInternalError(await ask(aClient(address), aCheckRequest()))
    expect(logged.map((line) => JSON.parse(line))).toMatchObject([{ level: 'error', decision: 'deny' }])
  })

  it('does not keep the next Check from its answer', async () => {
    const decisions = [failing(new Error('once')), async () => anAllow()]
    const { address } = await aServer({}, () => decisions.shift()?.() ?? failing(new Error('too many'))())
    const client = aClient(address)
    expectInternalError(await ask(client, aCheckRequest()))
    expect(summarise(await ask(client, aCheckRequest()))).toMatchObject({ allowed: true })
  })
})

describe('a request', () => {
  const askBytes = (address: string, bytes: Buffer): Promise<CheckResponse> => {
    const client = aClient(address)
    const { path, responseDeserialize } = AuthorizationService.check
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        (value: Buffer) => value,
        responseDeserialize,
        bytes,
        (error, response) =>
          error === null && response !== undefined
            ? resolve(response)
            : reject(error ?? new Error('no response')),
      )
    })
  }

  it.each([
    ['that is not HTTP', Buffer.alloc(0)],
    ['with attributes of no request', Buffer.from([0x0a, 0x00])],
  ])('%s reaches the decision as such', async (_name, bytes) => {
    const seen: (AuthRequest | undefined)[] = []
    const { address } = await aServer({}, async (request) => {
      seen.push(request)
      return deny('request_malformed', 'words')
    })
    expect(summarise(await askBytes(address, bytes))).toMatchObject({ httpStatus: 400 })
    expect(seen).toEqual([undefined])
  })

  it('that does not decode is refused in-band and never decided', async () => {
    let checks = 0
    const { address } = await aServer({ failureAnswer: 'grpc_error' }, async () => {
      checks += 1
      return anAllow()
    })
    const truncated = Buffer.from([0x0a, 0x7f, 0x01])
    expect(summarise(await askBytes(address, truncated))).toMatchObject({ allowed: false, httpStatus: 500 })
    expect(checks).toBe(0)
  })

  it.each([
    ['/v1/messages', 'type'],
    ['/v1/chat/completions', 'error'],
  ] as const)('for %s is refused in the shape of its client', async (path, first) => {
    const { address } = await aServer({}, async () => deny('invalid_key', 'words'))
    const { body } = summarise(await ask(aClient(address), aCheckRequest({ path })))
    expect(Object.keys(JSON.parse(body))[0]).toBe(first)
  })
})

describe('the deadline', () => {
  it.each([
    ['the setting', Infinity, undefined, 500, 475],
    ["the call's deadline", 300, undefined, 500, 280],
    ["Envoy's time for this try", 300, '200', 500, 180],
    ['the setting, when Envoy grants more', 900, '800', 500, 475],
    ['the setting, when the header is no number', Infinity, '12x', 500, 475],
    ["Envoy's time for this try, a long one", Infinity, '2000', 10_000, 1_900],
    ['the setting, a very long one', Infinity, undefined, 10_000, 9_900],
    ['already past, when Envoy grants less than it takes to answer', Infinity, '10', 500, -10],
  ])('is %s, less the time to answer in', (_name, callMs, tryTimeoutMs, settingMs, expectedMs) => {
    const granted = { remainingMs: callMs, tryTimeout: tryTimeoutMs }
    expect(deadlineOf(granted, 5_000, settingMs) - 5_000).toBe(expectedMs)
  })

  it('is kept with a 503 by a decision that never comes', async () => {
    const { address } = await aServer({}, () => new Promise<never>(() => {}))
    const metadata = { 'x-envoy-expected-rq-timeout-ms': '60' }
    expect(summarise(await ask(aClient(address), aCheckRequest(), metadata))).toMatchObject({
      allowed: false,
      httpStatus: 503,
      reason: 'deadline_exceeded',
    })
  })

  it('of the setting is kept when Envoy grants all the time in the world', async () => {
    const { address } = await aServer({ checkTimeoutMs: 60 }, () => new Promise<never>(() => {}))
    expect(summarise(await ask(aClient(address), aCheckRequest()))).toMatchObject({
      reason: 'deadline_exceeded',
    })
  })

  it('that has passed already does not keep a decision that waits for nothing from being told', async () => {
    const { address } = await aServer({}, async () => anAllow())
    const metadata = { 'x-envoy-expected-rq-timeout-ms': '1' }
    expect(summarise(await ask(aClient(address), aCheckRequest(), metadata))).toMatchObject({ allowed: true })
  })
})

describe('a caller that leaves', () => {
  it('before the answer is known to the decision', async () => {
    const began = Promise.withResolvers<Call>()
    const { address } = await aServer({}, async (_request, call) => {
      began.resolve(call)
      return new Promise<never>(() => {})
    })
    const asked = ask(aClient(address), aCheckRequest(), {}, (grpcCall) => {
      void began.promise.then(() => grpcCall.cancel())
    })
    await expect(asked).rejects.toMatchObject({ code: status.CANCELLED })
    const call = await began.promise
    await vi.waitFor(() => expect(call.cancelled).toBe(true), { timeout: 10_000 })
  })

  it('after the answer has not left', async () => {
    const calls: Call[] = []
    const { address } = await aServer({}, async (_request, call) => {
      calls.push(call)
      return anAllow()
    })
    const client = aClient(address)
    for (let asked = 0; asked < 3; asked += 1) await ask(client, aCheckRequest())
    expect(calls.map(({ cancelled }) => cancelled)).toEqual([false, false, false])
  })
})
