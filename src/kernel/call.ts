// One Check in progress: until when it may wait, whether its caller is still there, and what the store did for it.
import type { Clock } from './clock.ts'
import { Failure } from './failure.ts'

export type CacheOutcome = 'none' | 'hit' | 'absent' | 'miss' | 'joined' | 'stale' | 'refused' | 'throttled'

export type Call = {
  /** Monotonic milliseconds at which the answer must be on its way. */
  readonly deadlineMs: number
  /** Set when Envoy gave up before we answered. Work that was not sent yet must not be sent any more. */
  cancelled: boolean
  /** False while its source asks for too many keys that nobody made: what is known serves it, and nothing is looked up. */
  mayLookUp: boolean
  cache: CacheOutcome
  /** Look-ups, and reads of limits that it waited for. */
  storeReads: number
  /** Charges that were sent for it, alone or as part of a group. */
  storeWrites: number
}

export const createCall = (deadlineMs: number): Call => ({
  deadlineMs,
  cancelled: false,
  mayLookUp: true,
  cache: 'none',
  storeReads: 0,
  storeWrites: 0,
})

/** Throws deadline_exceeded when nobody waits for this call any more. */
export const assertAwaited = (call: Call, clock: Clock): void => {
  if (call.cancelled) throw new Failure('deadline_exceeded', 'the caller left')
  if (clock.monotonicMs() >= call.deadlineMs) throw new Failure('deadline_exceeded', 'the deadline passed')
}

/** Waits for `work` no longer than the call may. The work itself goes on: whoever shares it still gets its result. */
export const withinDeadline = <T>(work: Promise<T>, call: Call, clock: Clock): Promise<T> =>
  new Promise((resolve, reject) => onceWithinDeadline(work, call, clock, resolve, reject))

/** The same, told by one of two calls. Each Check that asks the store waits like this, so it makes no promise of its own. */
export const onceWithinDeadline = <T>(
  work: Promise<T>,
  call: Call,
  clock: Clock,
  succeeded: (value: T) => void,
  failed: (error: unknown) => void,
): void => {
  let waiting = true
  const late = () => {
    waiting = false
    failed(new Failure('deadline_exceeded', 'the deadline passed while waiting'))
  }
  const timer = setTimeout(late, Math.max(0, call.deadlineMs - clock.monotonicMs()))
  void work.then(
    (value) => {
      if (!waiting) return
      clearTimeout(timer)
      succeeded(value)
    },
    (error: unknown) => {
      if (!waiting) return
      clearTimeout(timer)
      failed(error)
    },
  )
}
