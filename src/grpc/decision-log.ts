// One line for a decision at most: denials at info, what cannot be known and bugs at error, allows sampled.
import type { Decision, Deny } from '../check/decision.ts'
import { wouldDenyOf } from '../check/decision.ts'
import { quoted } from '../check/quoted.ts'
import { resourcePathOf } from '../check/resource-path.ts'
import type { Call } from '../kernel/call.ts'
import { redacted } from '../kernel/redacted.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { CheckOutcome } from './check-outcome.ts'

export type DecisionFacts = Readonly<{
  decisionId: string
  traceId: string | undefined
  durationMs: number
  call: Call
}>

export type DecisionLog = (outcome: CheckOutcome, facts: DecisionFacts) => void

/** `allowSampleRate` is the part of Allows and listings that is logged, 0 to 1. */
export const createDecisionLog =
  (log: Logger, allowSampleRate: number): DecisionLog =>
  (outcome, facts) => {
    const { kind, decision } = outcome
    if (kind !== 'decided')
      log.error({ ...fieldsOf(outcome, facts), ...errorFields(outcome) }, 'check failed')
    else if (decision.outcome === 'deny') log[levelOf(decision)](fieldsOf(outcome, facts), 'check denied')
    else if (wouldDenyOf(decision) !== undefined)
      log.info(fieldsOf(outcome, facts), 'check would have been denied')
    else if (Math.random() < allowSampleRate) log.info(fieldsOf(outcome, facts), 'check passed')
  }

/** Never a header, and of the path never the query: either may hold the secret. */
const fieldsOf = (
  { decision, request }: CheckOutcome,
  { decisionId, traceId, durationMs, call }: DecisionFacts,
) => {
  const { key } = decision
  const refusal = refusalOf(decision)
  const denied = refusal === undefined ? {} : { reason: refusal.reason, detail: refusal.detail }
  const model = decision.outcome === 'allow' ? decision.model : undefined
  return {
    decision_id: decisionId,
    trace_id: traceId,
    decision: decision.outcome,
    ...denied,
    key_id: key?.id,
    owner: key?.owners[0]?.path,
    model: model === undefined ? undefined : clientWords(model),
    method: request === undefined ? undefined : clientWords(request.method),
    path: request === undefined ? undefined : clientWords(resourcePathOf(request.path)),
    duration_ms: Math.round(durationMs * 1_000) / 1_000,
    cache: call.cache,
    store_reads: call.storeReads,
    store_writes: call.storeWrites,
  }
}

/** Also one that was only told of. */
const refusalOf = (decision: Decision): Deny | undefined =>
  decision.outcome === 'deny' ? decision : decision.wouldDeny

/** A name that nobody knows is the operator's mistake, and the client can do nothing about it. */
const levelOf = ({ reason }: Deny): 'info' | 'warn' => (reason === 'policy_unresolved' ? 'warn' : 'info')

/** Where it was thrown matters for a bug; in an outage it would be the same for every request. */
const errorFields = ({ kind, error }: CheckOutcome) => {
  if (!(error instanceof Error)) return { error: redacted(String(error)) }
  return {
    error: redacted(error.message),
    cause: error.cause instanceof Error ? redacted(error.cause.message) : undefined,
    stack: kind === 'bug' ? redacted(error.stack ?? '') : undefined,
  }
}

/** Escaped and cut by the one rule for words of a client; its quotes are left to JSON. */
const clientWords = (words: string): string => quoted(words).slice(1, -1)
