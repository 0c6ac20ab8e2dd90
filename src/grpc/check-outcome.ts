// What a Check came to: decided, or why nobody can say. The one place where errors become answers.
import type { AuthRequest } from '../check/auth-request.ts'
import type { Decision, Deny } from '../check/decision.ts'
import { deny } from '../check/decision.ts'
import type { FailureReason } from '../kernel/failure.ts'
import { Failure } from '../kernel/failure.ts'

export type CheckOutcome = Readonly<{
  /** `unknown`: the answer cannot be known now. `bug`: something threw that never should. */
  kind: 'decided' | 'unknown' | 'bug'
  decision: Decision
  request: AuthRequest | undefined
  error?: unknown
}>

/** An error is never an Allow, and an outage never looks like a bad key. */
export const outcomeOfError = (error: unknown, request: AuthRequest | undefined): CheckOutcome =>
  error instanceof Failure
    ? { kind: 'unknown', decision: deny(error.reason, WORDS[error.reason]), request, error }
    : { kind: 'bug', decision: denyInternalError(), request, error }

const WORDS: Readonly<Record<FailureReason, string>> = {
  store_unavailable: 'API keys cannot be checked right now. Please try again.',
  overloaded: 'Too many requests are being checked right now. Please try again.',
  deadline_exceeded: 'The API key could not be checked in time. Please try again.',
}

const denyInternalError = (): Deny =>
  deny('internal_error', 'The request could not be checked because of an internal error.')
