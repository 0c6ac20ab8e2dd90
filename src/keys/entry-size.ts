// Roughly what a remembered key costs in memory.
import type { VirtualKey } from './virtual-key.ts'

/** Bytes: its strings twice over and a sum for each object; undefined is a key known to be absent. */
export const estimateBytes = (key: VirtualKey | undefined): number => {
  if (key === undefined) return ENTRY_BYTES
  const holders = [key, ...key.owners]
  const quotas = holders.reduce((sum, holder) => sum + holder.quotas.length, 1)
  const words = holders.flatMap(({ rules }) => [
    ...(rules.models ?? []),
    ...rules.deniedModels,
    ...rules.policies,
    ...rules.guardrails,
  ])
  const characters = words.reduce((sum, word) => sum + word.length + 16, key.name.length)
  return ENTRY_BYTES * (1 + holders.length) + quotas * QUOTA_BYTES + 2 * characters
}

const ENTRY_BYTES = 400
const QUOTA_BYTES = 160
