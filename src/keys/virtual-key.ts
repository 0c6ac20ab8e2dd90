// Virtual keys and the owners above them; what a key's status is at an instant.
import type { Rules } from '../policy/policy.ts'
import type { Quota } from '../quota/quota.ts'

/** An organisation, a team or a user. */
export type Owner = Readonly<{
  id: string
  /** `acme`, `acme/search` or `acme/search/ann` */
  path: string
  disabled: boolean
  rules: Rules
  quotas: readonly Quota[]
}>

/** What people write on keys and owners to find them again, name to value; later filters are told of them too. */
export type Labels = Readonly<Record<string, string>>

export const NO_LABELS: Labels = {}

/** What becomes of a key's requests while their charge cannot be made: refused, or a few of them let through and charged later. */
export type FailMode = 'closed' | 'open'

export type VirtualKey = Readonly<{
  id: string
  name: string
  /** The last four characters of the secret. */
  hint: string
  /** The owner first, then its ancestors up to the organisation. Never empty. */
  owners: readonly Owner[]
  disabled: boolean
  revoked: boolean
  failMode: FailMode
  /** What its rules and limits would refuse passes, uncharged, and is told of. */
  shadow: boolean
  /** Its own, and those of the owners above it that it does not have. */
  labels: Labels
  /** UTC milliseconds; the key may be used from here on. */
  notBeforeMs: number | undefined
  /** UTC milliseconds; the key may be used before this instant. */
  expiresAtMs: number | undefined
  /** UTC milliseconds; from here on the secret by which it was found is nobody's. */
  secretUntilMs: number | undefined
  rules: Rules
  /** The limits set on the key itself. */
  quotas: readonly Quota[]
  /** Charged instead when the key has no limit of its own but an owner has: its row mirrors the key's usability. */
  usabilityQuota: Quota
}>

export type KeyStatus =
  | 'usable'
  | 'secret_ended'
  | 'revoked'
  | 'key_disabled'
  | 'owner_disabled'
  | 'key_expired'
  | 'key_not_yet_valid'

/**
 * Status now, UTC milliseconds, which few keys have to ask for. The gravest wins: the secret ended, revoked, disabled, owner disabled,
 * expired, not yet valid.
 */
export const keyStatus = (key: VirtualKey, now: () => number): KeyStatus => {
  if (key.secretUntilMs !== undefined && now() >= key.secretUntilMs) return 'secret_ended'
  if (key.revoked) return 'revoked'
  if (key.disabled) return 'key_disabled'
  if (key.owners.some((owner) => owner.disabled)) return 'owner_disabled'
  if (key.expiresAtMs !== undefined && now() >= key.expiresAtMs) return 'key_expired'
  if (key.notBeforeMs !== undefined && now() < key.notBeforeMs) return 'key_not_yet_valid'
  return 'usable'
}
