// What is not an Allow to CheckResponse, through one builder that cannot leave the status unset: to Envoy an unset
// one means allowed.
import type { ClientShape, Decision, Deny, Listing } from '../check/decision.ts'
import { REASONS, wouldDenyOf } from '../check/decision.ts'
import { redacted } from '../kernel/redacted.ts'
import { errorBody } from './error-body.ts'
import type { DeniedHttpResponse } from './gen/envoy/service/auth/v3/external_auth.ts'
import type { Status } from './gen/google/rpc/status.ts'
import { overwriting } from './header-options.ts'
import { modelListBody } from './model-list.ts'
import type { RateLimitFact } from './rate-limit-fact.ts'
import { rateLimitFactOf } from './rate-limit-fact.ts'
import { rateLimitHeaders } from './rate-limit-headers.ts'
import { STATUS_CODE } from './status-code.ts'

/** What later filters and the access log may know of a decision. */
export type Facts = Readonly<Record<string, string | RateLimitFact>>

/** A CheckResponse that refuses, of which nothing is left out: `encodeAnswer` turns it into bytes. */
export type Answer = Readonly<{
  status: Status
  httpResponse: Readonly<{ $case: 'deniedResponse' | 'errorResponse'; value: DeniedHttpResponse }>
  dynamicMetadata: Facts
}>

export type ResponseContext = Readonly<{
  decisionId: string
  shape: ClientShape
  /** The database's time, UTC milliseconds. */
  nowMs: number
  /** Decided on what was remembered of a key while the store did not answer. */
  stale: boolean
}>

/** Always encodes: it is made of our own words. */
export const toCheckResponse = (decision: Deny | Listing, context: ResponseContext): Answer => {
  const isDenied = decision.outcome === 'deny'
  const value = isDenied ? refused(decision, context) : listed(decision, context)
  const message = isDenied ? decision.reason : ''
  return respond({ $case: 'deniedResponse', value }, message, factsOf(decision, context))
}

/**
 * "Cannot know", left to Envoy's failure mode: Envoy 1.37 and later show the answer, or allow when the
 * operator said so.
 */
export const toErrorResponse = (deny: Deny, context: ResponseContext): Answer =>
  respond({ $case: 'errorResponse', value: refused(deny, context) }, deny.reason, factsOf(deny, context))

const respond = (httpResponse: Answer['httpResponse'], message: string, facts: Facts): Answer => ({
  status: { code: statusCodeOf(httpResponse.value), message },
  httpResponse,
  dynamicMetadata: facts,
})

const STATUS_CODES: Readonly<Record<number, number>> = {
  400: STATUS_CODE.INVALID_ARGUMENT,
  401: STATUS_CODE.UNAUTHENTICATED,
  403: STATUS_CODE.PERMISSION_DENIED,
  413: STATUS_CODE.INVALID_ARGUMENT,
  429: STATUS_CODE.RESOURCE_EXHAUSTED,
  500: STATUS_CODE.INTERNAL,
  503: STATUS_CODE.UNAVAILABLE,
}

/** Never OK: whatever is answered here, a listing too, is a refusal to Envoy. */
const statusCodeOf = ({ status }: DeniedHttpResponse): number => {
  const code = status?.code ?? 0
  if (code < 200) throw new Error(`HTTP status ${code} would pass for an Allow`)
  return STATUS_CODES[code] ?? STATUS_CODE.PERMISSION_DENIED
}

const refused = (deny: Deny, { decisionId, shape, nowMs }: ResponseContext): DeniedHttpResponse => {
  const { status: httpStatus, retry } = REASONS[deny.reason]
  const retryAfterS = deny.retryAfterS ?? (httpStatus === 503 ? 1 : undefined)
  const headers = new Map([
    ['content-type', 'application/json'],
    ...idHeaders(shape, decisionId),
    ...rateLimitHeaders(deny.limits ?? [], nowMs),
  ])
  if (httpStatus === 401) headers.set('www-authenticate', 'Bearer')
  if (retryAfterS !== undefined) headers.set('retry-after', String(retryAfterS))
  if (retry !== undefined) headers.set('x-should-retry', String(retry))
  return {
    status: { code: httpStatus },
    headers: overwriting(headers),
    body: errorBody(shape, { ...deny, retryAfterS }, decisionId),
  }
}

const listed = (listing: Listing, { decisionId, shape }: ResponseContext): DeniedHttpResponse => ({
  status: { code: 200 },
  headers: overwriting(new Map([['content-type', 'application/json'], ...idHeaders(shape, decisionId)])),
  body: modelListBody(shape, listing),
})

/** Where the SDKs look for what they call the id of a request, and show it with an error; Google's look for none. */
const REQUEST_ID_HEADERS: Readonly<Record<ClientShape, string | undefined>> = {
  openai: 'x-request-id',
  anthropic: 'request-id',
  google: undefined,
}

const idHeaders = (shape: ClientShape, decisionId: string): readonly (readonly [string, string])[] => {
  const name = REQUEST_ID_HEADERS[shape]
  const ours = ['x-latchkey-decision-id', decisionId] as const
  return name === undefined ? [ours] : [ours, [name, decisionId]]
}

/** Dynamic metadata: what later filters and the access log may know, so of a model's name nothing that may be a key. */
export const factsOf = (
  decision: Decision,
  { decisionId, stale }: Pick<ResponseContext, 'decisionId' | 'stale'>,
): Facts => {
  const facts: Record<string, string | RateLimitFact> = { decision_id: decisionId, outcome: decision.outcome }
  const { key } = decision
  const owner = key?.owners[0]?.path
  if (key !== undefined) facts['key_id'] = key.id
  if (owner !== undefined) facts['owner'] = owner
  if (decision.outcome === 'allow' && decision.model !== undefined) facts['model'] = redacted(decision.model)
  const rateLimit = decision.outcome === 'allow' ? rateLimitFactOf(decision.key) : undefined
  if (rateLimit !== undefined) facts['rate_limit'] = rateLimit
  for (const [name, value] of Object.entries(key?.labels ?? {})) facts[`label.${name}`] = value
  if (decision.outcome === 'deny') facts['reason'] = decision.reason
  if (stale) facts['stale'] = 'true'
  if (decision.outcome === 'allow' && decision.failedOpen) facts['fail_open'] = 'true'
  const wouldDeny = wouldDenyOf(decision)
  if (wouldDeny !== undefined) facts['would_deny'] = wouldDeny.reason
  return facts
}
