// The body of a refusal, in the shape that the caller's SDK parses into its typed errors.
import type { ClientShape, DenyReason } from '../check/decision.ts'
import { REASONS } from '../check/decision.ts'

/** JSON text. The decision id is the one that the trace and the log line carry. */
export const errorBody = (shape: ClientShape, refusal: Refusal, decisionId: string): string =>
  JSON.stringify(ERRORS[shape](refusal, decisionId))

type Refusal = Readonly<{ reason: DenyReason; message: string; retryAfterS?: number | undefined }>

// https://platform.openai.com/docs/guides/error-codes: SDKs type errors by status and show type, param and
// code.
const openAiError = ({ reason, message }: Refusal, decisionId: string) => ({
  error: {
    message,
    type: openAiType(reason),
    param: aboutModel(reason) ? 'model' : null,
    code: reason,
    decision_id: decisionId,
  },
})

// https://docs.anthropic.com/en/api/errors: of one type are several reasons, which its SDKs show as the error's code.
const anthropicError = ({ reason, message }: Refusal, decisionId: string) => ({
  type: 'error',
  error: { type: anthropicType(reason), message, details: { error_code: reason } },
  request_id: decisionId,
})

// https://google.aip.dev/193: programs tell errors by the reason in ErrorInfo, which is in capitals there.
const googleError = ({ reason, message, retryAfterS }: Refusal, decisionId: string) => {
  const { status, retry } = REASONS[reason]
  const info = {
    '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
    reason: reason.toUpperCase(),
    domain: 'latchkey',
    metadata: { decision_id: decisionId },
  }
  const wait = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${retryAfterS}s` }
  const details = retry === true && retryAfterS !== undefined ? [info, wait] : [info]
  return { error: { code: status, message, status: GOOGLE_STATUSES[status] ?? 'INTERNAL', details } }
}

const aboutModel = (reason: DenyReason): boolean => reason.startsWith('model_')

const openAiType = (reason: DenyReason): string => {
  if (reason === 'quota_exhausted') return 'insufficient_quota'
  if (reason === 'rate_limited') return 'rate_limit_error'
  return REASONS[reason].status >= 500 ? 'server_error' : 'invalid_request_error'
}

const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
}

const anthropicType = (reason: DenyReason): string =>
  reason === 'overloaded' ? 'overloaded_error' : (ANTHROPIC_TYPES[REASONS[reason].status] ?? 'api_error')

// https://google.aip.dev/193#http11json-representation: names of google.rpc.Code.
const GOOGLE_STATUSES: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  413: 'INVALID_ARGUMENT',
  429: 'RESOURCE_EXHAUSTED',
  503: 'UNAVAILABLE',
}

const ERRORS: Readonly<Record<ClientShape, (refusal: Refusal, decisionId: string) => object>> = {
  openai: openAiError,
  anthropic: anthropicError,
  google: googleError,
}
