// Answers are to the byte what the generated code would have sent.
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { ResponseContext } from '../../src/grpc/check-response.ts'
import { toCheckResponse, toErrorResponse } from '../../src/grpc/check-response.ts'
import { encodeAnswer } from '../../src/grpc/encode-answer.ts'
import { CheckResponse } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { anAllow, arbitraryDecision, arbitraryDeny } from '../support/decisions.ts'
import { recordFigure } from '../support/figures.ts'

const PROVING = process.env['LATCHKEY_PROVE'] === '1'

const context: fc.Arbitrary<ResponseContext> = fc
  .record({
    shape: fc.constantFrom('openai' as const, 'anthropic' as const),
    credentialHeaders: fc.constantFrom(['authorization'], [], ['x-schl\u00fcssel', 'api-key']),
    nowMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
    stale: fc.boolean(),
  })
  .map((more) => ({ decisionId: `dec_${randomUUID()}`, ...more }))

const generated = (response: CheckResponse): Buffer => Buffer.from(CheckResponse.encode(response).finish())

it('whatever is decided, in every shape', { timeout: PROVING ? 580_000 : 20_000 }, () => {
  const numRuns = PROVING ? 100_000 : 2_000
  fc.assert(
    fc.property(arbitraryDecision, arbitraryDeny, context, (decision, deny, responding) => {
      const answers = [toCheckResponse(decision, responding), toErrorResponse(deny, responding)]
      for (const answer of answers)
        expect(encodeAnswer(answer).equals(generated(answer)), JSON.stringify(answer)).toBe(true)
    }),
    { numRuns },
  )
  recordFigure({
    name: 'generated decisions whose answer is to the byte that of the generated code',
    value: numRuns * 2,
    unit: 'answers',
    command: 'LATCHKEY_PROVE=1 vitest run test/grpc/encode-answer.test.ts',
  })
})

it('never without a status or without what it decides', () => {
  const answer = toCheckResponse(anAllow(), {
    decisionId: 'dec_1',
    shape: 'openai',
    credentialHeaders: [],
    nowMs: 0,
    stale: false,
  })
  expect(() => encodeAnswer({ ...answer, status: undefined })).toThrow('decides nothing')
  expect(() => encodeAnswer({ ...answer, httpResponse: undefined })).toThrow('decides nothing')
})
