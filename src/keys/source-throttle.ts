// Who asks with too many keys that nobody made gets no look-up for a moment; keys in the cache are served as ever.
import { LRUCache } from 'lru-cache'
import type { Clock } from '../kernel/clock.ts'

export type SourceThrottle = Readonly<{
  /** True when nothing may be looked up for this address now. The empty one, of which nothing is known, never is. */
  isThrottled(asking: Readonly<{ source: string }>): boolean
  /** A look-up for it found that there is no such key. */
  missed(source: string): void
}>

/** Misses are counted by the second, and throttle for a second. */
const PERIOD_MS = 1_000

type Misses = { sinceMs: number; count: number }

/** `perSecond`: misses of one source until it is throttled; undefined throttles nobody. At most `maxSources` are remembered. */
export const createSourceThrottle = ({
  clock,
  perSecond,
  maxSources,
}: Readonly<{ clock: Clock; perSecond: number | undefined; maxSources: number }>): SourceThrottle => {
  if (perSecond === undefined) return { isThrottled: () => false, missed: () => {} }
  const sources = new LRUCache<string, Misses>({ max: maxSources })
  const recent = (source: string): Misses | undefined => {
    const misses = sources.get(source)
    return misses !== undefined && clock.monotonicMs() - misses.sinceMs < PERIOD_MS ? misses : undefined
  }
  return {
    isThrottled: ({ source }) => (recent(networkOf(source))?.count ?? 0) >= perSecond,
    missed(source) {
      if (source === '') return
      const name = networkOf(source)
      const misses = recent(name) ?? { sinceMs: clock.monotonicMs(), count: 0 }
      misses.count += 1
      // The second begins anew with the miss that is one too many.
      if (misses.count === perSecond) misses.sinceMs = clock.monotonicMs()
      sources.set(name, misses)
    },
  }
}

/** Of an IPv6 address its /64, which is what one subscriber has; an IPv4 address as it is. */
const networkOf = (source: string): string => {
  if (!source.includes(':') || source.includes('.')) return source
  const [head = '', tail] = source.split('::')
  const groups = (text: string | undefined) => (text === undefined || text === '' ? [] : text.split(':'))
  const [before, after] = [groups(head), groups(tail)]
  const zeros =
    tail === undefined ? [] : Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0')
  return [...before, ...zeros, ...after].slice(0, 4).join(':')
}
