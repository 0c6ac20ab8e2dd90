// One server span for each Check: a child of Envoy's, told by the gRPC metadata and never by the client's own
// headers.
import type { Context, Span, TextMapGetter } from '@opentelemetry/api'
import {
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { wouldDenyOf } from '../check/decision.ts'
import type { Call } from '../kernel/call.ts'
import type { NearLimit } from '../quota/soft-limit.ts'
import { ATTRIBUTE, EVENT, INSTRUMENTATION, SPAN } from '../telemetry/names.ts'
import type { CheckOutcome } from './check-outcome.ts'
import type { StatusCode } from './status-code.ts'
import { STATUS_CODE } from './status-code.ts'

export type CheckSpan = Readonly<{
  /** In it, what the store does becomes a child. */
  context: Context
  /** undefined when nothing is traced. */
  traceId: string | undefined
  softLimitReached(near: NearLimit): void
  end(
    outcome: CheckOutcome,
    facts: Readonly<{ decisionId: string; call: Call; statusCode: StatusCode }>,
  ): void
}>

/** Fields that came with a call, by lower-case name. */
export type CallMetadata = Readonly<{ get(name: string): string | undefined; keys(): Iterable<string> }>

export type StartCheckSpan = (metadata: CallMetadata) => CheckSpan

/** Whether anything is traced is asked once, now: OpenTelemetry must have started. What is not traced costs nothing. */
export const createCheckSpans = (): StartCheckSpan => (isTraced() ? startCheckSpan : () => UNTRACED)

const startCheckSpan: StartCheckSpan = (metadata) => {
  const parent = propagation.extract(ROOT_CONTEXT, metadata, METADATA)
  const span = trace
    .getTracer(INSTRUMENTATION)
    .startSpan(SPAN.check, { kind: SpanKind.SERVER, attributes: RPC_ATTRIBUTES }, parent)
  const spanContext = span.spanContext()
  return {
    context: trace.setSpan(parent, span),
    traceId: isSpanContextValid(spanContext) ? spanContext.traceId : undefined,
    softLimitReached({ state: { quota, amount }, percent }) {
      span.addEvent(EVENT.softLimit, {
        [ATTRIBUTE.limitSubject]: quota.subject,
        [ATTRIBUTE.limitUnit]: quota.unit,
        [ATTRIBUTE.limitPeriod]: quota.period,
        [ATTRIBUTE.limitAmount]: amount,
        [ATTRIBUTE.limitUsedPercent]: percent,
      })
    },
    end(outcome, facts) {
      if (span.isRecording()) describe(span, outcome, facts)
      span.end()
    },
  }
}

/** A span that nobody collects has no valid identity. This one is never ended, so it is never sent. */
const isTraced = (): boolean =>
  isSpanContextValid(trace.getTracer(INSTRUMENTATION).startSpan(SPAN.check, { root: true }).spanContext())

const UNTRACED: CheckSpan = {
  context: ROOT_CONTEXT,
  traceId: undefined,
  softLimitReached() {},
  end() {},
}

const RPC_ATTRIBUTES = { [ATTRIBUTE.rpcSystem]: 'grpc', [ATTRIBUTE.rpcMethod]: SPAN.check }

const METADATA: TextMapGetter<CallMetadata> = {
  keys: (metadata) => [...metadata.keys()],
  get: (metadata, key) => metadata.get(key),
}

const STATUS_NAMES = new Map<StatusCode, string>(
  Object.entries(STATUS_CODE).map(([name, code]) => [code, name]),
)

const describe: (span: Span, ...end: Parameters<CheckSpan['end']>) => void = (
  span,
  { kind, decision },
  { decisionId, call, statusCode },
) => {
  const { key } = decision
  span.setAttributes({
    [ATTRIBUTE.rpcStatusCode]: STATUS_NAMES.get(statusCode),
    [ATTRIBUTE.decision]: decision.outcome,
    [ATTRIBUTE.decisionId]: decisionId,
    [ATTRIBUTE.cache]: call.cache,
    [ATTRIBUTE.storeReads]: call.storeReads,
    [ATTRIBUTE.storeWrites]: call.storeWrites,
  })
  if (decision.outcome === 'allow' && decision.failedOpen) span.setAttribute(ATTRIBUTE.failOpen, true)
  const wouldDeny = wouldDenyOf(decision)
  if (wouldDeny !== undefined) span.setAttribute(ATTRIBUTE.wouldDeny, wouldDeny.reason)
  if (decision.outcome === 'deny') span.setAttribute(ATTRIBUTE.reason, decision.reason)
  if (key !== undefined) span.setAttribute(ATTRIBUTE.keyId, key.id)
  if (key?.owners[0] !== undefined) span.setAttribute(ATTRIBUTE.owner, key.owners[0].path)
  // A refusal is a good answer; only what we could not do is an error.
  if (kind !== 'decided') span.setStatus({ code: SpanStatusCode.ERROR, message: kind })
}
