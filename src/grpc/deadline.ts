// Until when a Check may work: the smallest of what Envoy grants and what we allow, less the time to answer
// in.
import type { Metadata } from '@grpc/grpc-js'
import type { Clock } from '../kernel/clock.ts'
import { machineNowMs } from '../kernel/clock.ts'

/**
 * Left for the answer to reach Envoy before Envoy stops waiting: a stream that it resets counts against the
 * connection. A twentieth of a long wait costs nobody anything, and outlasts a pause of the garbage collector.
 */
const answerMs = (grantedMs: number): number => Math.min(100, Math.max(20, grantedMs / 20))

/**
 * Monotonic milliseconds. grpc-js has turned `grpc-timeout`, which covers all tries, into an instant of the
 * machine's clock (Infinity without one); Envoy tells what is left for this try in its own header.
 */
export const deadlineOf = (
  call: Readonly<{ metadata: Metadata; getDeadline(): Date | number }>,
  clock: Clock,
  checkTimeoutMs: number,
): number => {
  const remainingMs = Math.min(
    checkTimeoutMs,
    Number(call.getDeadline()) - machineNowMs(),
    tryTimeoutMs(call.metadata),
  )
  return clock.monotonicMs() + remainingMs - answerMs(remainingMs)
}

/** Nobody waits any more: its own deadline passed, or it left, before anybody looked at it. */
export const hasGivenUp = (call: Readonly<{ cancelled: boolean; getDeadline(): Date | number }>): boolean =>
  call.cancelled || Number(call.getDeadline()) <= machineNowMs()

const tryTimeoutMs = (metadata: Metadata): number => {
  const [value] = metadata.get('x-envoy-expected-rq-timeout-ms')
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : Infinity
}
