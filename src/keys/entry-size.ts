// Roughly what a remembered key costs in memory; the sums were measured, as growth of the heap by 40,000 entries.
import { NO_RULES } from '../policy/policy.ts'
import type { VirtualKey } from './virtual-key.ts'

/** Of a name that is known to stand for no key: sixteen in a table that may be three quarters empty. */
export const ABSENT_BYTES = 64

/** Bytes: its strings twice over and a sum for each object. */
export const estimateBytes = (key: VirtualKey): number => {
  const holders = [key, ...key.owners]
  const quotas = holders.reduce((sum, holder) => sum + holder.quotas.length, 1)
  const ownRules = holders.flatMap(({ rules }) => (rules === NO_RULES ? [] : rules))
  const words = ownRules.flatMap((rules) => [
    ...(rules.models ?? []),
    ...rules.deniedModels,
    ...(rules.paths ?? []),
    ...rules.deniedPaths,
    ...(rules.networks ?? []),
    ...rules.deniedNetworks,
    ...(rules.hours ?? []),
    ...rules.policies,
    ...rules.guardrails,
  ])
  words.push(...Object.entries(key.labels).flat())
  const networks = ownRules.reduce(
    (sum, rules) => sum + (rules.networks?.length ?? 0) + rules.deniedNetworks.length,
    0,
  )
  const characters = words.reduce((sum, word) => sum + word.length + 16, key.name.length)
  return (
    ENTRY_BYTES +
    holders.length * HOLDER_BYTES +
    ownRules.length * RULES_BYTES +
    quotas * QUOTA_BYTES +
    networks * NETWORK_BYTES +
    2 * characters
  )
}

const ENTRY_BYTES = 400
const HOLDER_BYTES = 150
const RULES_BYTES = 250
const QUOTA_BYTES = 160
/** Once it was asked for: most of it outside of V8's heap. */
const NETWORK_BYTES = 440
