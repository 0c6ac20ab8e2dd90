// The newest registry that this process has seen: it comes along with look-ups, which may overtake each other.
import type { Registry } from '../policy/registry.ts'
import { createRegistry } from '../policy/registry.ts'
import type { KeyLookup } from './key-store.ts'

export type KnownRegistry = Readonly<{
  newest(): Registry | undefined
  /** The newest, or undefined when it has changed since. */
  current(): Registry | undefined
  /** Called when a look-up is asked; returns its place in their order. */
  beginLookup(): number
  /** What a look-up brought along. */
  learn(reply: KeyLookup, lookup: number): Registry
  /** It is another one now in the store. */
  changed(): void
}>

export const createKnownRegistry = (): KnownRegistry => {
  let registry: Registry | undefined
  let lookupsStarted = 0
  let fromLookup = -1
  /** A look-up that began later knows the registry as it is. */
  let changedAtLookup = -1
  return {
    newest: () => registry,
    current: () => (fromLookup > changedAtLookup ? registry : undefined),
    beginLookup: () => {
      lookupsStarted += 1
      return lookupsStarted
    },
    learn({ registry: document, registryVersion }, lookup) {
      // Replies may overtake each other: the look-up that began last has seen the newest.
      if (lookup > fromLookup && (document !== undefined || registry?.version === registryVersion)) {
        if (document !== undefined) registry = createRegistry(registryVersion, document)
        fromLookup = lookup
      }
      if (registry === undefined) throw new Error('the store told no registry to a caller that had none')
      return registry
    },
    changed: () => {
      changedAtLookup = lookupsStarted
    },
  }
}
