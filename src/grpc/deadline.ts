// Until when a Check may work: the smallest of what Envoy grants and what we allow, less the time to answer
// in.

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

/** Monotonic milliseconds, as `nowMs` is. */
export const deadlineOf = (
  { remainingMs, tryTimeout }: Granted,
  nowMs: number,
  checkTimeoutMs: number,
): number => {
  const grantedMs = Math.min(checkTimeoutMs, remainingMs, tryTimeoutMs(tryTimeout))
  return nowMs + grantedMs - answerMs(grantedMs)
}

/** An Envoy says the same each time. */
const tryTimeoutMs = (text: string | undefined): number => {
  if (text === last.text) return last.ms
  const ms = text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY
  last = { text, ms }
  return ms
}

let last: Readonly<{ text: string | undefined; ms: number }> = {
  text: undefined,
  ms: Number.POSITIVE_INFINITY,
}
