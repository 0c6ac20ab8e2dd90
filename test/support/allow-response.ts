// An Allow as a CheckResponse of the generated code: what the prepared answers are held against.
import type { Allow } from '../../src/check/decision.ts'
import type { AllowAnswerOptions, AllowContext } from '../../src/grpc/allow-answers.ts'
import { factsOf } from '../../src/grpc/check-response.ts'
import { CheckResponse } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { overwriting } from '../../src/grpc/header-options.ts'
import { rateLimitHeaders, softLimitHeaders } from '../../src/grpc/rate-limit-headers.ts'
import type { UpstreamHeaders } from '../../src/grpc/upstream-headers.ts'
import { upstreamHeaders } from '../../src/grpc/upstream-headers.ts'

/** Encoded. Throws when something in the Allow cannot be sent. */
export const allowResponse = (allow: Allow, context: AllowContext, options: AllowAnswerOptions): Buffer => {
  const { attestor } = options
  const nowMs = context.now()
  const attestation = attestor?.attest(attestor.claimsOf(allow), { ...context, nowMs })
  const upstream = upstreamHeaders(allow, options, attestation)
  const { set, remove } = withProtocols(upstream, context, options)
  const limits = rateLimitHeaders(allow.limits, nowMs)
  const value = {
    headers: overwriting(set),
    headersToRemove: remove,
    responseHeadersToAdd: overwriting([
      ...limits,
      ...softLimitHeaders(allow.near),
      ...shadowHeaders(allow, options),
    ]),
  }
  const response: CheckResponse = {
    status: { code: 0, message: '' },
    httpResponse: { $case: 'okResponse', value },
    dynamicMetadata: factsOf(allow, context),
  }
  return Buffer.from(CheckResponse.encode(response).finish())
}

const shadowHeaders = (
  { wouldDeny }: Allow,
  { tellShadow }: AllowAnswerOptions,
): readonly (readonly [string, string])[] =>
  wouldDeny === undefined || tellShadow !== true ? [] : [['x-latchkey-would-deny', wouldDeny.reason]]

/** A key among the subprotocols of a websocket is taken out of the list, or the list with it. */
const withProtocols = (
  { set, remove }: UpstreamHeaders,
  { request }: AllowContext,
  { credentialHeaders }: AllowAnswerOptions,
): UpstreamHeaders => {
  const name = 'sec-websocket-protocol'
  const entries = (request?.headers.get(name) ?? [])
    .flatMap((line) => line.split(','))
    .map((entry) => entry.trim())
  const left = entries.filter((entry) => !entry.startsWith('openai-insecure-api-key.'))
  if (!credentialHeaders.includes(name) || left.length === entries.length) return { set, remove }
  if (left.length === 0) return { set, remove: [name, ...remove] }
  return { set: [...set, [name, left.join(', ')]], remove }
}
