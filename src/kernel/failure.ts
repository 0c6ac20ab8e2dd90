// "Cannot know" and "cannot do that": the two kinds of error that are not bugs.

export type FailureReason = 'store_unavailable' | 'overloaded' | 'deadline_exceeded'

/** We cannot know the answer. Thrown anywhere, turned into an answer in grpc/authorization.ts and nowhere else. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly reason: FailureReason
  /** True when a charge may have taken effect although nobody was told: its units are lost, never used. */
  readonly chargeUnknown: boolean

  constructor(
    reason: FailureReason,
    message: string,
    options: { cause?: unknown; chargeUnknown?: boolean } = {},
  ) {
    // In an outage there is one for each request, and its stack, which nobody reads, would cost most of it.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(message, { cause: options.cause })
    Error.stackTraceLimit = stackTraceLimit
    this.reason = reason
    this.chargeUnknown = options.chargeUnknown ?? false
  }
}

/** Units may be gone, and nobody uses them. */
export const isChargeUnknown = (error: unknown): boolean => error instanceof Failure && error.chargeUnknown

export type RejectionCode = 'invalid' | 'not_found' | 'conflict'

/** A management request that cannot be carried out as asked; nothing was changed. The message is for people. */
export class Rejection extends Error {
  override readonly name = 'Rejection'
  readonly code: RejectionCode

  constructor(code: RejectionCode, message: string) {
    super(message)
    this.code = code
  }
}
