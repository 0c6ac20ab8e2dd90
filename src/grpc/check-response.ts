// Decision to CheckResponse, through one builder that cannot leave the status unset: to Envoy an unset one
// means allowed.
import type { Allow, ClientShape, Decision, Deny, Listing } from '../check/decision.ts'
import { REASONS } from '../check/decision.ts'
import { redacted } from '../kernel/redacted.ts'
import { errorBody } from './error-body.ts'
import type {
  CheckResponse,
  DeniedHttpResponse,
  OkHttpResponse,
} from './gen/envoy/service/auth/v3/external_auth.ts'
import { overwriting } from './header-options.ts'
import { modelListBody } from './model-list.ts'
import { rateLimitHeaders, softLimitHeaders } from './rate-limit-headers.ts'
import { STATUS_CODE } from './status-code.ts'
import { upstreamHeaders } from './upstream-headers.ts'

/** What later filters and the access log may know of a decision. */
export type Facts = Readonly<Record<string, string>>

/** As this builder makes it: `encodeAnswer` turns it into bytes. */
export type Answer = Omit<CheckResponse, 'dynamicMetadata'> & Readonly<{ dynamicMetadata: Facts }>

export type ResponseContext = Readonly<{
  decisionId: string
  shape: ClientShape
  credentialHeaders: readonly string[]
  /** The database's time, UTC milliseconds. */
  nowMs: number
  /** Decided on what was remembered of a key while the store did not answer. */
  stale: boolean
}>

/**
 * Throws only when something in the decision cannot be sent, which is our bug; a Deny made of our own words
 * always encodes.
 */
export const toCheckResponse = (decision: Decision, context: ResponseContext): Answer => {
  const facts = factsOf(decision, context)
  if (decision.outcome === 'allow')
    return respond({ $case: 'okResponse', value: passed(decision, context) }, facts)
  const value = decision.outcome === 'deny' ? refused(decision, context) : listed(decision, context)
  return respond({ $case: 'deniedResponse', value }, facts)
}

/**
 * "Cannot know", left to Envoy's failure mode: Envoy 1.37 and later show the answer, or allow when the
 * operator said so.
 */
export const toErrorResponse = (deny: Deny, context: ResponseContext): Answer =>
  respond({ $case: 'errorResponse', value: refused(deny, context) }, factsOf(deny, context))

type HttpResponse = NonNullable<CheckResponse['httpResponse']>

const respond = (httpResponse: HttpResponse, facts: Facts): Answer => ({
  status: { code: statusCodeOf(httpResponse), message: facts['reason'] ?? '' },
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

/** OK for an Allow alone; whatever else is answered, a listing too, is a refusal to Envoy. */
const statusCodeOf = (httpResponse: HttpResponse): number => {
  if (httpResponse.$case === 'okResponse') return STATUS_CODE.OK
  const code = httpResponse.value.status?.code ?? 0
  if (code < 200) throw new Error(`HTTP status ${code} would pass for an Allow`)
  return STATUS_CODES[code] ?? STATUS_CODE.PERMISSION_DENIED
}

const passed = (allow: Allow, { credentialHeaders, nowMs }: ResponseContext): OkHttpResponse => {
  const { set, remove } = upstreamHeaders(allow, credentialHeaders)
  return {
    headers: overwriting(set),
    headersToRemove: remove,
    responseHeadersToAdd: overwriting([
      ...rateLimitHeaders(allow.limits, nowMs),
      ...softLimitHeaders(allow.near),
    ]),
  }
}

const refused = (deny: Deny, { decisionId, shape, nowMs }: ResponseContext): DeniedHttpResponse => {
  const { status: httpStatus, retry } = REASONS[deny.reason]
  const retryAfterS = deny.retryAfterS ?? (httpStatus === 503 ? 1 : undefined)
  const headers = new Map([
    ['content-type', 'application/json'],
    ['x-latchkey-decision-id', decisionId],
    ...rateLimitHeaders(deny.limits ?? [], nowMs),
  ])
  if (httpStatus === 401) headers.set('www-authenticate', 'Bearer')
  if (retryAfterS !== undefined) headers.set('retry-after', String(retryAfterS))
  if (retry !== undefined) headers.set('x-should-retry', String(retry))
  return {
    status: { code: httpStatus },
    headers: overwriting(headers),
    body: errorBody(shape, deny, decisionId),
  }
}

const listed = ({ models }: Listing, { decisionId, shape }: ResponseContext): DeniedHttpResponse => ({
  status: { code: 200 },
  headers: overwriting(
    new Map([
      ['content-type', 'application/json'],
      ['x-latchkey-decision-id', decisionId],
    ]),
  ),
  body: modelListBody(shape, models),
})

/** Dynamic metadata: what later filters and the access log may know, so of a model's name nothing that may be a key. */
export const factsOf = (
  decision: Decision,
  { decisionId, stale }: Pick<ResponseContext, 'decisionId' | 'stale'>,
): Facts => {
  const facts: Record<string, string> = { decision_id: decisionId, outcome: decision.outcome }
  const { key } = decision
  const owner = key?.owners[0]?.path
  if (key !== undefined) facts['key_id'] = key.id
  if (owner !== undefined) facts['owner'] = owner
  if (decision.outcome === 'allow' && decision.model !== undefined) facts['model'] = redacted(decision.model)
  if (decision.outcome === 'deny') facts['reason'] = decision.reason
  if (stale) facts['stale'] = 'true'
  if (decision.outcome === 'allow' && decision.failedOpen) facts['fail_open'] = 'true'
  return facts
}
