// The answer to a decision as Envoy reads it, from the bytes that the server makes of it.
import type { Decision } from '../../src/check/decision.ts'
import type { TemplateOptions } from '../../src/grpc/allow-answer-template.ts'
import type { AllowContext } from '../../src/grpc/allow-answers.ts'
import { createAllowAnswers } from '../../src/grpc/allow-answers.ts'
import type { ResponseContext } from '../../src/grpc/check-response.ts'
import { CheckResponse } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { createRefusalAnswers } from '../../src/grpc/refusal-answers.ts'

export type AnsweringContext = ResponseContext & TemplateOptions & Partial<Pick<AllowContext, 'request'>>

/** An Allow needs an id of 40 characters. Throws when something in it cannot be sent. */
export const answered = (decision: Decision, context: AnsweringContext): CheckResponse =>
  CheckResponse.decode(
    decision.outcome === 'allow'
      ? createAllowAnswers(context)(decision, {
          ...context,
          request: context.request,
          now: () => context.nowMs,
        })
      : createRefusalAnswers()(decision, { ...context, asError: false }),
  )
