// The outcome of a Check: Allow, Deny with a reason from the closed list, or a Listing answered in Envoy's stead.
import type { VirtualKey } from '../keys/virtual-key.ts'
import type { QuotaState } from '../quota/quota.ts'
import type { NearLimit } from '../quota/soft-limit.ts'

/** Whose SDK will read the refusal. */
export type ClientShape = 'openai' | 'anthropic' | 'google'

/** Each reason's HTTP status, and whether an SDK should try again by itself (undefined: leave it to the SDK). */
export const REASONS = {
  missing_key: { status: 401, retry: false },
  ambiguous_key: { status: 401, retry: false },
  invalid_key: { status: 401, retry: false },
  key_expired: { status: 401, retry: false },
  key_not_yet_valid: { status: 401, retry: false },
  key_disabled: { status: 403, retry: false },
  owner_disabled: { status: 403, retry: false },
  model_not_allowed: { status: 403, retry: false },
  path_not_allowed: { status: 403, retry: false },
  network_not_allowed: { status: 403, retry: false },
  outside_hours: { status: 403, retry: false },
  model_required: { status: 400, retry: false },
  request_malformed: { status: 400, retry: false },
  model_conflict: { status: 400, retry: false },
  body_too_large: { status: 413, retry: false },
  quota_exhausted: { status: 429, retry: false },
  rate_limited: { status: 429, retry: true },
  policy_unresolved: { status: 503, retry: true },
  store_unavailable: { status: 503, retry: true },
  overloaded: { status: 503, retry: true },
  deadline_exceeded: { status: 503, retry: true },
  internal_error: { status: 500, retry: undefined },
} as const satisfies Record<string, { status: number; retry: boolean | undefined }>

export type DenyReason = keyof typeof REASONS

export type Deny = Readonly<{
  outcome: 'deny'
  reason: DenyReason
  /** Public words, complete, for the caller; what the client wrote in them is escaped and cut. */
  message: string
  /** For the operator's log and trace only. */
  detail?: string
  /** Known when the refusal came after the key was found. */
  key?: VirtualKey
  /** States of all limits of the request when a quota refused it. */
  limits?: readonly QuotaState[]
  /** Whole seconds, at least 1. */
  retryAfterS?: number
}>

export type Allow = Readonly<{
  outcome: 'allow'
  key: VirtualKey
  model: string | undefined
  route: string | undefined
  /** Sorted names, no duplicates. */
  guardrails: readonly string[]
  /** `name@version`, sorted, no duplicates. */
  policies: readonly string[]
  /** After the charge; without the implicit row. Empty when nothing was charged. */
  limits: readonly QuotaState[]
  /** Those of them that are nearly used up, the fullest first. */
  near: readonly NearLimit[]
  /** The charge could not be made, and the key's fail mode let the request pass. */
  failedOpen: boolean
  /** Shadow mode: what would have been answered instead. */
  wouldDeny: Deny | undefined
}>

/** GET /v1/models and its like, answered in-band. */
export type Listing = Readonly<{
  outcome: 'listing'
  key: VirtualKey
  models: readonly string[]
  /** True when one model was asked for, not the list. */
  one?: boolean
  /** As of an Allow. */
  wouldDeny?: Deny
}>

export type Decision = Allow | Deny | Listing

export const deny = (
  reason: DenyReason,
  message: string,
  more: Partial<Omit<Deny, 'outcome' | 'reason' | 'message'>> = {},
): Deny => ({
  outcome: 'deny',
  reason,
  message,
  ...more,
})

/** Shadow mode: what would have been answered instead. */
export const wouldDenyOf = (decision: Decision): Deny | undefined =>
  decision.outcome === 'deny' ? undefined : decision.wouldDeny

/** Every step of a Check returns what the next one needs, or a Deny. */
export const isDeny = (value: object): value is Deny => 'outcome' in value && value.outcome === 'deny'
