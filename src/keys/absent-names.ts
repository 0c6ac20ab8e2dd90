// Names that were found to stand for no key a moment ago: a flood of them leaves nothing to collect.
import type { DigestSet } from '../kernel/digest-set.ts'
import { createDigestSet } from '../kernel/digest-set.ts'

export type AbsentNames = Readonly<{
  /** `nowMs`: monotonic. */
  has(name: string, nowMs: number): boolean
  add(name: string, nowMs: number): void
  /** Forgets the others along with it: names come into being rarely, and are then asked for again. */
  delete(name: string): void
  clear(): void
  size(): number
}>

/** Each set is forgotten whole, when its oldest name is over. */
const MOST_SETS = 4

/**
 * A name is believed for three quarters of `ttlMs` at least, and never longer than it. At most `maxNames`: of more the oldest are
 * forgotten, a quarter at a time. A name is a digest, one character a byte.
 */
export const createAbsentNames = ({
  maxNames,
  ttlMs,
}: Readonly<{ maxNames: number; ttlMs: number }>): AbsentNames => {
  const count = Math.min(MOST_SETS, maxNames)
  const capacity = Math.floor(maxNames / count)
  let newest = createDigestSet(capacity)
  /** The oldest first, the newest last. */
  const sets: DigestSet[] = [...Array.from({ length: count - 1 }, () => createDigestSet(capacity)), newest]
  let turnedMs = Number.NEGATIVE_INFINITY

  const clear = () => {
    for (const set of sets) if (set.size() > 0) set.clear()
  }

  const turn = (nowMs: number) => {
    newest = sets.shift() ?? newest
    if (newest.size() > 0) newest.clear()
    sets.push(newest)
    turnedMs = nowMs
  }

  const forgetOld = (nowMs: number) => {
    const partMs = ttlMs / count
    if (nowMs - turnedMs < partMs) return
    if (nowMs - turnedMs >= ttlMs) {
      clear()
      turnedMs = nowMs
    } else while (nowMs - turnedMs >= partMs) turn(turnedMs + partMs)
  }

  return {
    has(name, nowMs) {
      forgetOld(nowMs)
      return sets.some((set) => set.has(name))
    },
    add(name, nowMs) {
      forgetOld(nowMs)
      if (newest.size() >= capacity) turn(nowMs)
      newest.add(name)
    },
    delete(name) {
      if (sets.some((set) => set.has(name))) clear()
    },
    clear,
    size: () => sets.reduce((sum, set) => sum + set.size(), 0),
  }
}
