// What other replicas changed, in the order of commits: polled, and a number that is missing forgets everything.
import type { Clock } from '../kernel/clock.ts'

/** What a book changed; names of things that are gone are still told. */
export type Change =
  | Readonly<{ kind: 'key'; id: string }>
  /** Keys that were not there before: what was known to be absent may exist now. */
  | Readonly<{ kind: 'new_keys' }>
  /** An owner or one of its limits: every key below it. */
  | Readonly<{ kind: 'owner'; id: string }>
  /** Policies, guardrails or models. */
  | Readonly<{ kind: 'registry' }>
  /** Nobody knows what: changes were missed. */
  | Readonly<{ kind: 'everything' }>

/** Where a history of changes stands. After a restore the same number has another token. */
export type ChangePosition = Readonly<{ number: number; token: number }>

export type NumberedChange = ChangePosition & Readonly<{ change: Change }>

/** Throws Failure when the store does not answer. */
export type ChangeSource = Readonly<{
  /** The last change that was committed; one read by primary key. */
  last(): Promise<ChangePosition>
  /** Changes from `number` on, ascending, at most `limit`. */
  changesFrom(number: number, limit: number): Promise<readonly NumberedChange[]>
}>

export type ChangeFeed = Readonly<{
  /** Reads what was committed since the last poll and applies it. Throws Failure when it cannot. */
  poll(): Promise<void>
  /** The number up to which everything was applied; undefined before the first poll. */
  position(): number | undefined
  /** Milliseconds since a poll that succeeded began: nothing that was committed before is unknown here. `nowMs`: monotonic. */
  stalenessMs(nowMs?: number): number
}>

const CHANGES_PER_READ = 1_000
/** So far behind it is quicker to forget everything than to go through it. */
const MAX_BEHIND = 10_000

export const createChangeFeed = (deps: {
  source: ChangeSource
  clock: Clock
  apply: (change: Change) => void
  /** True for the token of a change that this very process made, and applied when it was committed. */
  isAnnounced?: (token: number) => boolean
}): ChangeFeed => {
  const { source, clock, apply, isAnnounced = () => false } = deps
  let position: ChangePosition | undefined
  let knownAsOfMs = Number.NEGATIVE_INFINITY

  /** undefined: the changes from `from` to `last` are not all there any more, or `from` is of another history. */
  const readBetween = async (
    from: ChangePosition,
    last: ChangePosition,
  ): Promise<readonly NumberedChange[] | undefined> => {
    const count = last.number - from.number
    if (count < 0 || count > MAX_BEHIND) return undefined
    const changes: NumberedChange[] = []
    // The change where we stand is read again: its token says whether it is still the same one.
    let next = from.number === 0 ? 1 : from.number
    while (next <= last.number) {
      const read = await source.changesFrom(next, CHANGES_PER_READ)
      // Dense by construction: a gap means that rows were removed, and nobody knows what they said.
      if (read.length === 0 || read.some(({ number }, at) => number !== next + at)) return undefined
      changes.push(...read)
      next += read.length
    }
    const [here] = changes
    if (here?.number === from.number && here.token !== from.token) return undefined
    return changes.filter(({ number }) => number > from.number)
  }

  return {
    async poll() {
      const beganMs = clock.monotonicMs()
      const last = await source.last()
      if (position !== undefined && (last.number !== position.number || last.token !== position.token)) {
        const changes = await readBetween(position, last)
        if (changes === undefined) apply({ kind: 'everything' })
        else for (const { change, token } of changes) if (!isAnnounced(token)) apply(change)
        position = changes?.at(-1) ?? last
      }
      if (position === undefined) {
        // What was learned before the first poll may have changed since.
        apply({ kind: 'everything' })
        position = last
      }
      knownAsOfMs = beganMs
    },
    position: () => position?.number,
    stalenessMs: (nowMs = clock.monotonicMs()) => nowMs - knownAsOfMs,
  }
}
