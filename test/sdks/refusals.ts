// The status of each refusal that an SDK meets, as the manual promises it: stated here once more, so that no change of it goes unseen.
import type { DenyReason } from '../../src/check/decision.ts'

export type Refusal = keyof typeof STATUS_OF

export const STATUS_OF = {
  invalid_key: 401,
  key_not_yet_valid: 401,
  key_disabled: 403,
  model_not_allowed: 403,
  path_not_allowed: 403,
  request_malformed: 400,
  body_too_large: 413,
  quota_exhausted: 429,
  rate_limited: 429,
  policy_unresolved: 503,
  store_unavailable: 503,
  overloaded: 503,
  internal_error: 500,
  latchkey_unavailable: 503,
} as const satisfies Partial<Record<DenyReason | 'latchkey_unavailable', number>>
