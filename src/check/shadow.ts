// Shadow mode of keys: what rules and limits would refuse passes, uncharged, and is told of. Never for a credential or an outage.
import type { VirtualKey } from '../keys/virtual-key.ts'
import type { Deny, DenyReason } from './decision.ts'

export type ShadowDeps = Readonly<{
  /** For every key. */
  shadowMode: boolean
}>

/** Whether this refusal is only told of; one by a policy alone is decided where policies are joined. */
export const isShadowed = (refusal: Deny, key: VirtualKey, { shadowMode }: ShadowDeps): boolean =>
  (shadowMode || key.shadow) && mayShadow(refusal)

/**
 * What a rule or a limit says of a request. Not what is wrong with a key: whoever has none, a false one, one that ended or was switched
 * off stays out. Not policy_unresolved: a guardrail that nobody runs is never skipped.
 */
export const mayShadow = ({ reason }: Deny): boolean => SHADOWED.has(reason)

const SHADOWED: ReadonlySet<DenyReason> = new Set<DenyReason>([
  'model_not_allowed',
  'path_not_allowed',
  'network_not_allowed',
  'outside_hours',
  'model_required',
  'request_malformed',
  'model_conflict',
  'body_too_large',
  'quota_exhausted',
  'rate_limited',
])
