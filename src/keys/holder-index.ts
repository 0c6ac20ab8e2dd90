// Which entries of the cache a change of a key or an owner touches, without walking all of them.
import type { VirtualKey } from './virtual-key.ts'

export type HolderIndex = Readonly<{
  add(name: string, key: VirtualKey): void
  remove(name: string, key: VirtualKey): void
  /** Names of the entries of a key, or of all keys below an owner. */
  namesOf(holder: string): readonly string[]
}>

export const createHolderIndex = (): HolderIndex => {
  // Nearly each key has one entry: a set for each would cost as much as the key itself.
  const names = new Map<string, string | Set<string>>()
  return {
    add(name, key) {
      for (const holder of holdersOf(key)) {
        const held = names.get(holder)
        if (held === undefined) names.set(holder, name)
        else if (typeof held !== 'string') held.add(name)
        else if (held !== name) names.set(holder, new Set([held, name]))
      }
    },
    remove(name, key) {
      for (const holder of holdersOf(key)) {
        const held = names.get(holder)
        if (held === name) names.delete(holder)
        else if (typeof held === 'object' && held.delete(name) && held.size === 0) names.delete(holder)
      }
    },
    namesOf: (holder) => {
      const held = names.get(holder)
      return typeof held === 'object' ? [...held] : held === undefined ? [] : [held]
    },
  }
}

export const holdersOf = (key: VirtualKey): readonly string[] => [key.id, ...key.owners.map(({ id }) => id)]
