// The Check RPC, whatever carries it: decode, deadline, span, check, encode.
import { context } from '@opentelemetry/api'
import type { AuthRequest } from '../check/auth-request.ts'
import { clientShapeOf } from '../check/client-shape.ts'
import type { Decision } from '../check/decision.ts'
import { wouldDenyOf } from '../check/decision.ts'
import type { Call } from '../kernel/call.ts'
import { createCall, onceWithinDeadline } from '../kernel/call.ts'
import type { Clock } from '../kernel/clock.ts'
import { Failure } from '../kernel/failure.ts'
import type { Soon } from '../kernel/soon.ts'
import type { CheckMetrics, CheckRecord } from '../telemetry/check-metrics.ts'
import type { OverloadMetrics } from '../telemetry/overload-metrics.ts'
import type { AdmissionGate } from './admission-gate.ts'
import type { AllowAnswerOptions, AllowAnswers } from './allow-answers.ts'
import { createAllowAnswers } from './allow-answers.ts'
import type { CheckOutcome } from './check-outcome.ts'
import { outcomeOfError } from './check-outcome.ts'
import { readCheckRequest } from './check-reader.ts'
import type { CallMetadata } from './check-span.ts'
import { createCheckSpans } from './check-span.ts'
import { deadlineOf } from './deadline.ts'
import { newDecisionId } from './decision-id.ts'
import type { DecisionLog } from './decision-log.ts'
import type { LimitReport } from './limit-report.ts'
import type { RefusalAnswers } from './refusal-answers.ts'
import { createRefusalAnswers } from './refusal-answers.ts'
import type { StatusCode } from './status-code.ts'
import { STATUS_CODE } from './status-code.ts'

/**
 * How "cannot know" is told: by a 503 of ours, or in a form that leaves the choice to Envoy's failure mode.
 */
export type FailureAnswer = 'in_band' | 'grpc_error' | 'error_response'

export type AuthorizationOptions = Readonly<{
  /** Caps what Envoy grants, milliseconds. */
  checkTimeoutMs: number
  failureAnswer: FailureAnswer
}> &
  AllowAnswerOptions

export type AuthorizationDeps = Readonly<{
  /** `undefined` stands for a request that is not HTTP. Throws, or rejects with, Failure when it cannot know. */
  check(request: AuthRequest | undefined, call: Call): Soon<Decision>
  clock: Clock
  admission: AdmissionGate
  overload: OverloadMetrics
  metrics: CheckMetrics
  logDecision: DecisionLog
  reportLimits: LimitReport
  /** A decision was answered, and telling of it failed: our bug. */
  untold(error: unknown): void
}>

export type AskedCheck = Readonly<{
  /** An encoded CheckRequest. */
  bytes: Buffer
  /** Until the whole call ends, all its tries. Infinity when the caller did not say. */
  remainingMs: number
  metadata: CallMetadata
  /** Nobody waits any more: its own deadline passed, or it left, before anybody looked at it. */
  hasGivenUp: boolean
}>

/** `error` undefined: `response` is an encoded CheckResponse. */
export type CheckReply =
  | Readonly<{ error: undefined; response: Buffer }>
  | Readonly<{ error: Readonly<{ code: StatusCode; details: string }> }>

/** Replies once. Returns what must be called when the caller leaves; after the reply it means nothing. */
export type AnswerCheck = (asked: AskedCheck, reply: (reply: CheckReply) => void) => () => void

export const createAuthorization = (options: AuthorizationOptions, deps: AuthorizationDeps): AnswerCheck => {
  const { clock, metrics, admission } = deps
  const startSpan = createCheckSpans()
  const encodings = { encodeAllow: createAllowAnswers(options), encodeRefusal: createRefusalAnswers() }
  const encoding = { ...options, ...encodings, clock }
  const answer = (asked: AskedCheck, reply: (reply: CheckReply) => void, call: Call, beganMs: number) => {
    metrics.began()
    const span = startSpan(asked.metadata)
    const finish = (decided: CheckOutcome) => {
      admission.leave()
      const decisionId = newDecisionId()
      const { reply: replied, outcome } = encode(decided, { decisionId, call }, encoding)
      reply(replied)
      const durationMs = clock.monotonicMs() - beganMs
      const { decision, reason } = labelsOf(outcome)
      const { cache, storeReads, storeWrites } = call
      metrics.ended({ decision, reason, durationMs, cache, storeReads, storeWrites })
      try {
        deps.reportLimits(outcome.decision, { decisionId, span })
        span.end(outcome, { decisionId, call, statusCode: replied.error?.code ?? STATUS_CODE.OK })
        deps.logDecision(outcome, { decisionId, traceId: span.traceId, durationMs, call })
      } catch (error) {
        // The answer is on its way; whoever else is on this connection must not pay for our words about it.
        deps.untold(error)
      }
    }
    context.with(span.context, () => decide(asked.bytes, call, deps, finish))
  }
  /** Neither read nor traced nor logged: what is refused to save work must cost little itself. */
  const shed = (
    reply: (reply: CheckReply) => void,
    call: Call,
    because: 'in_flight' | 'late',
    failure: Failure,
  ) => {
    const told = { decisionId: newDecisionId(), call }
    const { reply: replied, outcome } = encode(outcomeOfError(failure, undefined), told, encoding)
    reply(replied)
    deps.overload.shed(because)
    metrics.refused(labelsOf(outcome))
  }
  return (asked, reply) => {
    const tryTimeout = asked.metadata.get('x-envoy-expected-rq-timeout-ms')
    const granted = { remainingMs: asked.remainingMs, tryTimeout }
    const nowMs = clock.monotonicMs()
    const call = createCall(deadlineOf(granted, nowMs, options.checkTimeoutMs))
    // We are behind by so much that this one has given up: others still wait for theirs.
    if (asked.hasGivenUp)
      shed(reply, call, 'late', new Failure('deadline_exceeded', 'the deadline passed before it was read'))
    else if (!admission.enter())
      shed(reply, call, 'in_flight', new Failure('overloaded', 'too many Checks are in flight'))
    else answer(asked, reply, call, nowMs)
    return () => {
      call.cancelled = true
    }
  }
}

/** Calls `finish` once, and at once when all was in memory: such a Check is answered in the turn in which it was asked. */
const decide = (
  bytes: Buffer,
  call: Call,
  { check, clock }: AuthorizationDeps,
  finish: (outcome: CheckOutcome) => void,
): void => {
  let request: AuthRequest | undefined
  let outcome: CheckOutcome
  try {
    request = readCheckRequest(bytes)
    const deciding = check(request, call)
    if (deciding instanceof Promise) {
      const decided = (decision: Decision) => finish({ kind: 'decided', decision, request })
      onceWithinDeadline(deciding, call, clock, decided, (error) => finish(outcomeOfError(error, request)))
      return
    }
    outcome = { kind: 'decided', decision: deciding, request }
  } catch (error) {
    outcome = outcomeOfError(error, request)
  }
  finish(outcome)
}

type Encoding = AuthorizationOptions &
  Readonly<{ clock: Clock; encodeAllow: AllowAnswers; encodeRefusal: RefusalAnswers }>

type Told = Readonly<{ decisionId: string; call: Call }>

/** What cannot be encoded is our bug, and answered as one. */
const encode = (
  outcome: CheckOutcome,
  told: Told,
  encoding: Encoding,
): { reply: CheckReply; outcome: CheckOutcome } => {
  try {
    return { reply: replyTo(outcome, told, encoding), outcome }
  } catch (error) {
    const bug = outcomeOfError(error, outcome.request)
    return { reply: replyTo(bug, told, encoding), outcome: bug }
  }
}

const replyTo = (
  { kind, decision, request }: CheckOutcome,
  { decisionId, call }: Told,
  { failureAnswer, clock, encodeAllow, encodeRefusal }: Encoding,
): CheckReply => {
  const stale = call.cache === 'stale'
  if (decision.outcome === 'allow')
    return {
      error: undefined,
      response: encodeAllow(decision, { decisionId, now: clock.now, stale, request }),
    }
  const shape = request === undefined ? 'openai' : clientShapeOf(request)
  const isUndecided = kind === 'unknown' && decision.outcome === 'deny'
  if (isUndecided && failureAnswer === 'grpc_error')
    return { error: { code: STATUS_CODE.UNAVAILABLE, details: decision.reason } }
  const asError = isUndecided && failureAnswer === 'error_response'
  const responding = { decisionId, shape, nowMs: clock.now(), stale, asError }
  return { error: undefined, response: encodeRefusal(decision, responding) }
}

const labelsOf = ({ decision }: CheckOutcome): Pick<CheckRecord, 'decision' | 'reason'> => {
  if (decision.outcome === 'deny') return { decision: 'deny', reason: decision.reason }
  const wouldDeny = wouldDenyOf(decision)
  if (wouldDeny !== undefined) return { decision: 'would_deny', reason: wouldDeny.reason }
  return { decision: decision.outcome, reason: 'none' }
}
