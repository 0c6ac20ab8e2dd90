// What carries calls: grpc-js, which does everything, or the lane, which does what Envoy needs and no more.
import type { Clock } from '../kernel/clock.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { AnswerCheck } from './authorization.ts'
import type { Health } from './health.ts'

/** One of the two listens, once. */
export type Transport = Readonly<{
  listenUnix(path: string): Promise<void>
  /** Returns the port that it got. */
  listenTcp(host: string, port: number): Promise<number>
  /** No new connection and no new call; resolves when those in flight have ended, or were cut after `patienceMs`. */
  drain(patienceMs: number): Promise<void>
}>

export type Answering = Readonly<{ answerCheck: AnswerCheck; health: Health; clock: Clock; log: Logger }>

/** Headers, the path twice and the frame around the body. Envoy takes 60 KiB of headers unless told otherwise. */
export const HEAD_ROOM_BYTES = 1_048_576
