// The body of a refusal, in the shape that the caller's SDK parses into its typed errors.
import type { ClientShape, Deny, DenyReason } from '../check/decision.ts'
import { REASONS } from '../check/decision.ts'

/** JSON text. The decision id is the one that the trace and the log line carry. */
export const errorBody = (shape: ClientShape, { reason, message }: Deny, decisionId: string): string =>
  JSON.stringify(
    shape === 'anthropic'
      ? anthropicError(reason, message, decisionId)
      : openAiError(reason, message, decisionId),
  )

// https://platform.openai.com/docs/guides/error-codes: SDKs type errors by status and show type, param and
// code.
const openAiError = (reason: DenyReason, message: string, decisionId: string) => ({
  error: {
    message,
    type: openAiType(reason),
    param: aboutModel(reason) ? 'model' : null,
    code: reason,
    decision_id: decisionId,
  },
})

// https://docs.anthropic.com/en/api/errors
const anthropicError = (reason: DenyReason, message: string, decisionId: string) => ({
  type: 'error',
  error: { type: anthropicType(reason), message },
  request_id: decisionId,
})

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
