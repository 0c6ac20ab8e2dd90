// The Check RPC: decode, deadline, span, check, encode.
import { randomUUID } from 'node:crypto'
import type { handleUnaryCall, ServiceDefinition } from '@grpc/grpc-js'
import { status } from '@grpc/grpc-js'
import { context } from '@opentelemetry/api'
import type { AuthRequest } from '../check/auth-request.ts'
import { clientShapeOf } from '../check/client-shape.ts'
import type { Decision } from '../check/decision.ts'
import type { Call } from '../kernel/call.ts'
import { createCall, withinDeadline } from '../kernel/call.ts'
import type { Clock } from '../kernel/clock.ts'
import { Failure } from '../kernel/failure.ts'
import type { CheckMetrics } from '../telemetry/check-metrics.ts'
import type { OverloadMetrics } from '../telemetry/overload-metrics.ts'
import type { AdmissionGate } from './admission-gate.ts'
import type { CheckOutcome } from './check-outcome.ts'
import { outcomeOfError } from './check-outcome.ts'
import { toAuthRequest } from './check-request.ts'
import type { ResponseContext } from './check-response.ts'
import { toCheckResponse, toErrorResponse } from './check-response.ts'
import { startCheckSpan } from './check-span.ts'
import { deadlineOf, hasGivenUp } from './deadline.ts'
import type { DecisionLog } from './decision-log.ts'
import {
  AuthorizationService,
  CheckRequest,
  CheckResponse,
} from './gen/envoy/service/auth/v3/external_auth.ts'
import type { LimitReport } from './limit-report.ts'

/**
 * How "cannot know" is told: by a 503 of ours, or in a form that leaves the choice to Envoy's failure mode.
 */
export type FailureAnswer = 'in_band' | 'grpc_error' | 'error_response'

export type AuthorizationOptions = Readonly<{
  /** Caps what Envoy grants, milliseconds. */
  checkTimeoutMs: number
  failureAnswer: FailureAnswer
  /** Lower-case names; all of them are removed on Allow. */
  credentialHeaders: readonly string[]
}>

export type AuthorizationDeps = Readonly<{
  /** `undefined` stands for a request that is not HTTP. Throws Failure when it cannot know. */
  check(request: AuthRequest | undefined, call: Call): Promise<Decision>
  clock: Clock
  admission: AdmissionGate
  overload: OverloadMetrics
  metrics: CheckMetrics
  logDecision: DecisionLog
  reportLimits: LimitReport
}>

/**
 * Bytes in, bytes out: what fails to decode or to encode becomes an answer here, and not a gRPC error in
 * grpc-js.
 */
export const AUTHORIZATION_SERVICE = {
  check: {
    ...AuthorizationService.check,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Buffer) => bytes,
  },
} satisfies ServiceDefinition

export const createAuthorization = (
  options: AuthorizationOptions,
  deps: AuthorizationDeps,
): handleUnaryCall<Buffer, Buffer> => {
  const { clock, metrics, admission } = deps
  const answer: AsyncHandler = async (grpcCall, callback, call) => {
    const beganMs = clock.monotonicMs()
    let answered = false
    // grpc-js says so of every call that ended; before our answer it means that Envoy or its client gave up.
    grpcCall.on('cancelled', () => {
      if (!answered) call.cancelled = true
    })
    metrics.began()
    const span = startCheckSpan(grpcCall.metadata)
    const decided = await context.with(span.context, () => decide(grpcCall.request, call, deps))
    const decisionId = `dec_${randomUUID()}`
    const { reply, outcome } = encode(decided, { decisionId, call }, options, clock)
    answered = true
    callback(reply.error, reply.response)
    const durationMs = clock.monotonicMs() - beganMs
    deps.reportLimits(outcome.decision, { decisionId, span })
    span.end(outcome, { decisionId, call, statusCode: reply.error?.code ?? status.OK })
    deps.logDecision(outcome, { decisionId, traceId: span.traceId, durationMs, call })
    metrics.ended({ ...labelsOf(outcome), durationMs, ...call })
  }
  /** Neither read nor traced nor logged: what is refused to save work must cost little itself. */
  const shed = (callback: Callback, call: Call, because: 'in_flight' | 'late', failure: Failure) => {
    const told = { decisionId: `dec_${randomUUID()}`, call }
    const { reply, outcome } = encode(outcomeOfError(failure, undefined), told, options, clock)
    callback(reply.error, reply.response)
    deps.overload.shed(because)
    metrics.refused(labelsOf(outcome))
  }
  return (grpcCall, callback) => {
    const call = createCall(deadlineOf(grpcCall, clock, options.checkTimeoutMs))
    // We are behind by so much that this one has given up: others still wait for theirs.
    if (hasGivenUp(grpcCall))
      shed(callback, call, 'late', new Failure('deadline_exceeded', 'the deadline passed before it was read'))
    else if (!admission.enter())
      shed(callback, call, 'in_flight', new Failure('overloaded', 'too many Checks are in flight'))
    else void answer(grpcCall, callback, call).finally(admission.leave)
  }
}

type Callback = Parameters<handleUnaryCall<Buffer, Buffer>>[1]
type AsyncHandler = (...call: [...Parameters<handleUnaryCall<Buffer, Buffer>>, call: Call]) => Promise<void>

const decide = async (
  bytes: Buffer,
  call: Call,
  { check, clock }: AuthorizationDeps,
): Promise<CheckOutcome> => {
  let request: AuthRequest | undefined
  try {
    request = toAuthRequest(CheckRequest.decode(bytes))
    const decision = await withinDeadline(check(request, call), call, clock)
    return { kind: 'decided', decision, request }
  } catch (error) {
    return outcomeOfError(error, request)
  }
}

type Reply = Readonly<{ error: Readonly<{ code: status; details: string }> | null; response?: Buffer }>

/** What cannot be encoded is our bug, and answered as one. */
const encode = (
  outcome: CheckOutcome,
  { decisionId, call }: Readonly<{ decisionId: string; call: Call }>,
  { failureAnswer, credentialHeaders }: AuthorizationOptions,
  clock: Clock,
): { reply: Reply; outcome: CheckOutcome } => {
  const shape = outcome.request === undefined ? 'openai' : clientShapeOf(outcome.request)
  const stale = call.cache === 'stale'
  const responding: ResponseContext = { decisionId, shape, credentialHeaders, nowMs: clock.now(), stale }
  const undecided =
    outcome.kind === 'unknown' && outcome.decision.outcome === 'deny' ? outcome.decision : undefined
  if (undecided !== undefined && failureAnswer === 'grpc_error')
    return { reply: { error: { code: status.UNAVAILABLE, details: undecided.reason } }, outcome }
  try {
    const response =
      undecided !== undefined && failureAnswer === 'error_response'
        ? toErrorResponse(undecided, responding)
        : toCheckResponse(outcome.decision, responding)
    return { reply: { error: null, response: bytesOf(response) }, outcome }
  } catch (error) {
    const bug = outcomeOfError(error, outcome.request)
    return {
      reply: { error: null, response: bytesOf(toCheckResponse(bug.decision, responding)) },
      outcome: bug,
    }
  }
}

const bytesOf = (response: CheckResponse): Buffer => {
  const bytes = CheckResponse.encode(response).finish()
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

const labelsOf = ({ decision }: CheckOutcome) => ({
  decision: decision.outcome,
  reason: decision.outcome === 'deny' ? decision.reason : 'none',
})
