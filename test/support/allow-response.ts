// An Allow as a CheckResponse of the generated code: what the prepared answers are held against.
import type { Allow } from '../../src/check/decision.ts'
import type { TemplateOptions } from '../../src/grpc/allow-answer-template.ts'
import type { AllowContext } from '../../src/grpc/allow-answers.ts'
import { factsOf } from '../../src/grpc/check-response.ts'
import { CheckResponse } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { overwriting } from '../../src/grpc/header-options.ts'
import { rateLimitHeaders, softLimitHeaders } from '../../src/grpc/rate-limit-headers.ts'
import { upstreamHeaders } from '../../src/grpc/upstream-headers.ts'

/** Encoded. Throws when something in the Allow cannot be sent. */
export const allowResponse = (allow: Allow, context: AllowContext, options: TemplateOptions): Buffer => {
  const { attestor } = options
  const nowMs = context.now()
  const attestation = attestor?.attest(attestor.claimsOf(allow), { ...context, nowMs })
  const { set, remove } = upstreamHeaders(allow, options, attestation)
  const limits = rateLimitHeaders(allow.limits, nowMs)
  const value = {
    headers: overwriting(set),
    headersToRemove: remove,
    responseHeadersToAdd: overwriting([...limits, ...softLimitHeaders(allow.near)]),
  }
  const response: CheckResponse = {
    status: { code: 0, message: '' },
    httpResponse: { $case: 'okResponse', value },
    dynamicMetadata: factsOf(allow, context),
  }
  return Buffer.from(CheckResponse.encode(response).finish())
}
