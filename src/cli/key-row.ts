// A key as lists, records and JSON show it.
import type { KeyRecord, LiveSecret, OwnerRecord } from '../keys/key-book.ts'
import type { PolicyRules, Rules } from '../policy/policy.ts'
import { formatInstant } from './instant.ts'

export const KEY_COLUMNS = ['id', 'name', 'owner', 'hint', 'status', 'expires_at'] as const

export const keyRow = (key: KeyRecord, owners: readonly OwnerRecord[], nowMs: number) => ({
  id: key.id,
  name: key.name,
  owner: key.ownerPath,
  hint: key.hint,
  status: statusOf(key, owners, nowMs),
  not_before: formatInstant(key.notBeforeMs),
  expires_at: formatInstant(key.expiresAtMs),
  revoked_at: formatInstant(key.revokedAtMs),
  fail_mode: key.failMode,
  shadow: key.shadow,
  labels: key.labels,
  created_at: formatInstant(key.createdAtMs),
  ...rulesRow(key.rules),
})

export const rulesRow = (rules: Rules) => ({ ...policyRulesRow(rules), policies: rules.policies })

export const policyRulesRow = (rules: PolicyRules) => ({
  models: rules.models,
  denied_models: rules.deniedModels,
  paths: rules.paths,
  denied_paths: rules.deniedPaths,
  networks: rules.networks,
  denied_networks: rules.deniedNetworks,
  hours: rules.hours,
  guardrails: rules.guardrails,
})

export const SECRET_COLUMNS = ['hint', 'created_at', 'accepted_until'] as const

/** One of the secrets by which a key can be used now; two during the grace after a rotation. */
export const secretRow = ({ hint, createdAtMs, endsAtMs }: LiveSecret) => ({
  hint,
  created_at: formatInstant(createdAtMs),
  accepted_until: formatInstant(endsAtMs),
})

/** In the words and the order of a Check. */
const statusOf = (key: KeyRecord, owners: readonly OwnerRecord[], nowMs: number): string => {
  if (key.revokedAtMs !== undefined) return 'revoked'
  if (key.disabled) return 'disabled'
  if (owners.some(({ path, disabled }) => disabled && `${key.ownerPath}/`.startsWith(`${path}/`)))
    return 'owner disabled'
  if (key.expiresAtMs !== undefined && nowMs >= key.expiresAtMs) return 'expired'
  if (key.notBeforeMs !== undefined && nowMs < key.notBeforeMs) return 'not yet valid'
  return 'active'
}
