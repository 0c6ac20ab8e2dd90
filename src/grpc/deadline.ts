// Until when a Check may work: the smallest of what Envoy grants and what we allow, less the time to answer
// in.
import type { Clock } from '../kernel/clock.ts'

/**
 * Left for the answer to reach Envoy before Envoy stops waiting: a stream that it resets counts against the
 * connection. A twentieth of a long wait costs nobody anything, and outlasts a pause of the garbage collector.
 */
const answerMs = (grantedMs: number): number => Math.min(100, Math.max(20, grantedMs / 20))

/** What a transport knows of a call's time. */
export type Granted = Readonly<{
  /** Until the whole call ends, all its tries: `grpc-timeout`. Infinity without one. */
  remainingMs: number
  /** `x-envoy-expected-rq-timeout-ms`: what Envoy grants this try. */
  tryTimeout: string | undefined
}>

/** Monotonic milliseconds. */
export const deadlineOf = (
  { remainingMs, tryTimeout }: Granted,
  clock: Clock,
  checkTimeoutMs: number,
): number => {
  const grantedMs = Math.min(checkTimeoutMs, remainingMs, tryTimeoutMs(tryTimeout))
  return clock.monotonicMs() + grantedMs - answerMs(grantedMs)
}

const tryTimeoutMs = (text: string | undefined): number =>
  text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY
