// Remembers which limits were told to be nearly used up, so that each is told once in a window and not with every request.
import { LRUCache } from 'lru-cache'
import type { QuotaState } from './quota.ts'
import { FOREVER } from './quota.ts'

export type SoftLimitMemory = Readonly<{
  /** True the first time in the limit's window; remembers it. */
  isNews(state: QuotaState): boolean
}>

/** Beyond `maxEntries` the limit that was asked about longest ago is forgotten, and may be told again. */
export const createSoftLimitMemory = (deps: { maxEntries: number }): SoftLimitMemory => {
  const toldUntilMs = new LRUCache<number, number>({ max: deps.maxEntries })
  return {
    isNews({ quota, resetsAtMs = FOREVER }) {
      const told = toldUntilMs.get(quota.id)
      // A request that was answered late speaks of a window that is over: no news either.
      if (told !== undefined && told >= resetsAtMs) return false
      toldUntilMs.set(quota.id, resetsAtMs)
      return true
    },
  }
}
