// Refusals are to the byte what the generated code would have sent.
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { deny } from '../../src/check/decision.ts'
import type { Answer, ResponseContext } from '../../src/grpc/check-response.ts'
import { toCheckResponse, toErrorResponse } from '../../src/grpc/check-response.ts'
import { encodeAnswer } from '../../src/grpc/encode-answer.ts'
import { CheckResponse } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { createRefusalAnswers } from '../../src/grpc/refusal-answers.ts'
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
    fc.property(arbitraryRefusal, arbitraryDeny, context, (refusal, denial, responding) => {
      const answers = [toCheckResponse(refusal, responding), toErrorResponse(denial, responding)]
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

it('also when the same was refused before: each answer has its own id, wherever an id stands', {
  timeout: PROVING ? 580_000 : 20_000,
}, () => {
  // One for all: more refusals than are remembered, and most of them again and again.
  const answerTo = createRefusalAnswers()
  const message = fc.oneof(
    fc.constantFrom('The API key is not valid.', '0'.repeat(45), '1'.repeat(45), `0${'1'.repeat(40)}`),
    fc.nat(400).map((nth) => `word ${nth}`),
  )
  const sameForAll = fc
    .record({ reason: arbitraryDeny.map(({ reason }) => reason), message })
    .map(({ reason, message }) => deny(reason, message))
  const soon = fc
    .record({ said: sameForAll, retryAfterS: fc.integer({ min: 1, max: 3 }) })
    .map(({ said, retryAfterS }) => ({ ...said, retryAfterS }))
  const differing = fc.tuple(arbitraryDeny, message).map(([said, message]) => ({ ...said, message }))
  const refusal = fc.oneof({ weight: 4, arbitrary: sameForAll }, soon, differing, arbitraryRefusal)
  fc.assert(
    fc.property(refusal, context, fc.boolean(), (said, responding, asError) => {
      const generic =
        asError && said.outcome === 'deny'
          ? toErrorResponse(said, responding)
          : toCheckResponse(said, responding)
      expect(
        answerTo(said, { ...responding, asError }).equals(encodeAnswer(generic)),
        JSON.stringify(said),
      ).toBe(true)
    }),
    { numRuns: PROVING ? 100_000 : 5_000 },
  )
})
