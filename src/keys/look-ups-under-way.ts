// Which look-ups were overtaken: what they read may be older than a change that is known here by the time they come back.
import type { Change } from './change-feed.ts'
import { holdersOf } from './holder-index.ts'
import type { VirtualKey } from './virtual-key.ts'

export type LookUpsUnderWay = Readonly<{
  /** Called when a look-up is asked. */
  begin(): LookUpUnderWay
  changed(change: Change): void
}>

export type LookUpUnderWay = Readonly<{
  /** Whether a change since then touched the key that it brings. */
  isOvertaken(key: VirtualKey | undefined): boolean
  end(): void
}>

export const createLookUpsUnderWay = (): LookUpsUnderWay => {
  /** For each, the keys and owners that changed. */
  const underWay = new Set<Set<string>>()
  return {
    begin() {
      const changed = new Set<string>()
      underWay.add(changed)
      return {
        isOvertaken: (key) =>
          changed.has(ANYTHING) || (key !== undefined && holdersOf(key).some((id) => changed.has(id))),
        end: () => underWay.delete(changed),
      }
    },
    changed(change) {
      // Whoever was told that a key is absent asked before it was made.
      if (change.kind === 'new_keys') return
      for (const changed of underWay) changed.add('id' in change ? change.id : ANYTHING)
    },
  }
}

/** No id is like this. */
const ANYTHING = '*'
