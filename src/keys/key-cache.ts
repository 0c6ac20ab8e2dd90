// What is remembered of keys: those there are, and beside them a few that are known to be absent, which push no key out.
import { LRUCache } from 'lru-cache'
import { createAbsentNames } from './absent-names.ts'
import { ABSENT_BYTES, estimateBytes } from './entry-size.ts'
import { createHolderIndex } from './holder-index.ts'
import type { VirtualKey } from './virtual-key.ts'

/** `askedMs`: monotonic; what was changed later may not be in it. Its time to live counts from there. */
export type KeyEntry = Readonly<{ key: VirtualKey; askedMs: number }>

export type KeyCache = Readonly<{
  /** `nowMs`: monotonic. */
  get(name: string, nowMs: number): KeyEntry | 'absent' | undefined
  set(name: string, entry: KeyEntry): void
  setAbsent(name: string, askedMs: number): void
  delete(name: string): void
  /** Entries of a key, or of all keys below an owner. */
  deleteHeldBy(id: string): void
  deleteAbsent(): void
  clear(): void
  size(): Readonly<{ entries: number; bytes: number }>
}>

export type KeyCacheOptions = Readonly<{
  /** Of keys; of absent ones a tenth of that. */
  maxEntries: number
  /** Of both; a tenth of it for absent ones. */
  maxBytes: number
  /** How long a key is served without asking while the feed of changes works. */
  positiveTtlMs: number
  absentTtlMs: number
}>

/**
 * Of the absent. They are believed for a second or so, in which few can be looked up; in one memory with the keys a flood of them would
 * push out each key that is not asked for all the time, and turn over the heap.
 */
const ABSENT_PART = 10

export const createKeyCache = (options: KeyCacheOptions): KeyCache => {
  const { maxEntries, maxBytes, positiveTtlMs, absentTtlMs } = options
  const absentBytes = Math.floor(maxBytes / ABSENT_PART)
  const holders = createHolderIndex()
  const keys = new LRUCache<string, KeyEntry>({
    max: maxEntries,
    maxSize: maxBytes - absentBytes,
    sizeCalculation: ({ key }) => estimateBytes(key),
    dispose: ({ key }, name) => holders.remove(name, key),
  })
  const mostAbsent = Math.min(Math.ceil(maxEntries / ABSENT_PART), Math.floor(absentBytes / ABSENT_BYTES))
  const absent = createAbsentNames({ maxNames: Math.max(1, mostAbsent), ttlMs: absentTtlMs })
  const forget = (name: string) => {
    keys.delete(name)
    absent.delete(name)
  }
  return {
    // By hand: a cache with times of its own reads the clock for each entry that it is asked for.
    get(name, nowMs) {
      const entry = keys.get(name)
      if (entry === undefined) return absent.has(name, nowMs) ? 'absent' : undefined
      if (nowMs - entry.askedMs <= positiveTtlMs) return entry
      keys.delete(name)
      return undefined
    },
    set(name, entry) {
      forget(name)
      keys.set(name, entry)
      // What is too big is not kept.
      if (keys.has(name)) holders.add(name, entry.key)
    },
    setAbsent(name, askedMs) {
      keys.delete(name)
      absent.add(name, askedMs)
    },
    delete: forget,
    deleteHeldBy(id) {
      for (const name of holders.namesOf(id)) keys.delete(name)
    },
    deleteAbsent: () => absent.clear(),
    clear() {
      keys.clear()
      absent.clear()
    },
    size: () => ({
      entries: keys.size + absent.size(),
      bytes: keys.calculatedSize + absent.size() * ABSENT_BYTES,
    }),
  }
}
