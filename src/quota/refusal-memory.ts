// A short memory of quota refusals: a blocked caller costs no store call, even when its key left the cache.
import { LRUCache } from 'lru-cache'
import type { Clock } from '../kernel/clock.ts'
import { digestName } from '../kernel/digest-name.ts'
import type { QuotaState } from './quota.ts'

/** `subject` is what policy needs to judge the caller again without a look-up. */
export type Refusal<Subject> = Readonly<{ subject: Subject; limits: readonly QuotaState[] }>

export type RefusalMemory<Subject> = Readonly<{
  recall(digest: Uint8Array): Refusal<Subject> | undefined
  /** Kept for a second, or until the first of the exhausted windows turns. */
  remember(digest: Uint8Array, refusal: Refusal<Subject>, units: number): void
  /** A limit, key or owner changed in this process. */
  clear(): void
}>

const REMEMBERED_MS = 1_000

export const createRefusalMemory = <Subject>(deps: {
  clock: Clock
  maxEntries: number
}): RefusalMemory<Subject> => {
  const { clock } = deps
  const refusals = new LRUCache<string, Refusal<Subject>>({
    max: deps.maxEntries,
    ttlResolution: 0,
    perf: { now: clock.monotonicMs },
  })
  return {
    recall: (digest) => (refusals.size === 0 ? undefined : refusals.get(digestName(digest))),
    remember(digest, refusal, units) {
      const exhausted = refusal.limits.filter(({ remaining }) => remaining < units)
      const turnsInMs = Math.min(...exhausted.map(({ resetsAtMs }) => (resetsAtMs ?? Infinity) - clock.now()))
      // A ttl of 0 would mean for ever; a window that has turned is worth no memory at all.
      const ttl = Math.floor(Math.min(REMEMBERED_MS, turnsInMs))
      if (ttl > 0) refusals.set(digestName(digest), refusal, { ttl })
    },
    clear: () => refusals.clear(),
  }
}
