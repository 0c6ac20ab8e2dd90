// Refusals are to the byte what the generated code would have sent.
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Answer, ResponseContext } from '../../src/grpc/check-response.ts'
import { toCheckResponse, toErrorResponse } from '../../src/grpc/check-response.ts'
import { encodeAnswer } from '../../src/grpc/encode-answer.ts'
import { CheckResponse } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { arbitraryDeny, arbitraryRefusal } from '../support/decisions.ts'
import { recordFigure } from '../support/figures.ts'

const PROVING = process.env['LATCHKEY_PROVE'] === '1'

const context: fc.Arbitrary<ResponseContext> = fc
  .record({
    shape: fc.constantFrom('openai' as const, 'anthropic' as const),
    nowMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
    stale: fc.boolean(),
  })
  .map((more) => ({ decisionId: `dec_${randomUUID()}`, ...more }))

const generated = (answer: Answer): Buffer => Buffer.from(CheckResponse.encode(answer).finish())

it('whatever is refused or listed, in every shape', { timeout: PROVING ? 580_000 : 20_000 }, () => {
  const numRuns = PROVING ? 100_000 : 2_000
  fc.assert(
    fc.property(arbitraryRefusal, arbitraryDeny, context, (refusal, deny, responding) => {
      const answers = [toCheckResponse(refusal, responding), toErrorResponse(deny, responding)]
      for (const answer of answers)
        expect(encodeAnswer(answer).equals(generated(answer)), JSON.stringify(answer)).toBe(true)
    }),
    { numRuns },
  )
  recordFigure({
    name: 'generated refusals whose answer is to the byte that of the generated code',
    value: numRuns * 2,
    unit: 'answers',
    command: 'LATCHKEY_PROVE=1 vitest run test/grpc/encode-answer.test.ts',
  })
})
