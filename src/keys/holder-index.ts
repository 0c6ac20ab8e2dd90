// Which entries of the cache a change of a key or an owner touches, without walking all of them.
import type { VirtualKey } from './virtual-key.ts'

type Entry = Readonly<{ key: VirtualKey | undefined }>

export type HolderIndex = Readonly<{
  add(name: string, entry: Entry): void
  remove(name: string, entry: Entry): void
  /** Names of the entries of a key, of all keys below an owner, or of ABSENT: those that stand for no key. */
  namesOf(holder: string): readonly string[]
}>

/** No id is empty. */
export const ABSENT = ''

export const createHolderIndex = (): HolderIndex => {
  const names = new Map<string, Set<string>>()
  return {
    add(name, entry) {
      for (const holder of holdersOf(entry)) {
        const held = names.get(holder)
        if (held === undefined) names.set(holder, new Set([name]))
        else held.add(name)
      }
    },
    remove(name, entry) {
      for (const holder of holdersOf(entry)) {
        const held = names.get(holder)
        held?.delete(name)
        if (held?.size === 0) names.delete(holder)
      }
    },
    namesOf: (holder) => [...(names.get(holder) ?? [])],
  }
}

export const holdersOf = ({ key }: Entry): readonly string[] =>
  key === undefined ? [ABSENT] : [key.id, ...key.owners.map(({ id }) => id)]
