// The encoded answer to an Allow, put together from what was prepared when its key was first answered.
import type { AuthRequest } from '../check/auth-request.ts'
import type { Allow, Deny } from '../check/decision.ts'
import { PROTOCOLS_HEADER, protocolsWithoutKey } from '../check/websocket-protocols.ts'
import type { LimitBytes } from './allow-answer-limits.ts'
import { limitBytesOf, NO_LIMITS, writeLimitBytes } from './allow-answer-limits.ts'
import { createAllowTemplates } from './allow-answer-memory.ts'
import type { AllowTemplate, TemplateOptions } from './allow-answer-template.ts'
import { BEFORE_OK, beforeId, createAllowTemplate } from './allow-answer-template.ts'
import { field, overwritingHeader, structEntry, TAG, varintLength, writeVarint } from './answer-bytes.ts'
import type { Attestor } from './attestation.ts'
import { DECISION_ID_LENGTH } from './decision-id.ts'
import { ATTESTATION_HEADER } from './upstream-headers.ts'

export const WOULD_DENY_HEADER = 'x-latchkey-would-deny'

export type AllowContext = Readonly<{
  /** `dec_` and a UUID. */
  decisionId: string
  /** The database's time, UTC milliseconds; asked for where there are limits. */
  now(): number
  /** Decided on what was remembered of a key while the store did not answer. */
  stale: boolean
  /** Whose id an attestation tells, and whose subprotocols may hold a key. */
  request: Pick<AuthRequest, 'headers'> | undefined
}>

export type AllowAnswerOptions = TemplateOptions &
  Readonly<{
    /** Whether the client is told what shadow mode let pass. */
    tellShadow?: boolean
  }>

export type AllowAnswers = (allow: Allow, context: AllowContext) => Buffer

/**
 * To the byte what the generated code would make of it, at a tenth of the cost; throws when something in the Allow cannot be sent, and
 * on an id of another length.
 */
export const createAllowAnswers = (options: AllowAnswerOptions): AllowAnswers => {
  const { attestor, tellShadow = false } = options
  const protocolsMayHoldKey = options.credentialHeaders.includes(PROTOCOLS_HEADER)
  const templateOf = createAllowTemplates((allow) => createAllowTemplate(allow, options), MEMORY)
  return (allow, context) => {
    const { decisionId, now, stale } = context
    if (decisionId.length !== DECISION_ID_LENGTH) throw new Error('the id of a decision has another length')
    const template = templateOf(allow)
    const { failedOpen, limits, near, wouldDeny } = allow
    const isLimited = limits.length > 0 || near.length > 0
    const protocols = protocolsMayHoldKey ? protocolsOf(context) : ''
    if (
      stale ||
      failedOpen ||
      isLimited ||
      wouldDeny !== undefined ||
      attestor !== undefined ||
      protocols !== ''
    )
      return varied(template, {
        added: (attestor === undefined ? '' : attestationOf(attestor, template, context)) + protocols,
        limits: withShadow(
          isLimited ? limitBytesOf(allow, now()) : NO_LIMITS,
          tellShadow ? wouldDeny : undefined,
        ),
        later: laterFacts(stale, allow),
        decisionId,
      })
    const answer = Buffer.allocUnsafe(template.plain.length)
    answer.set(template.plain)
    answer.write(decisionId, template.idAt, 'latin1')
    return answer
  }
}

/** Some 900 bytes each. */
const MEMORY = { maxTemplates: 8_192, maxPerKey: 8 }

const attestationOf = (
  attestor: Attestor,
  { claims }: AllowTemplate,
  { decisionId, request, now }: AllowContext,
): string => {
  const token = attestor.attest(claims, { decisionId, request, nowMs: now() })
  return overwritingHeader(TAG.okResponse.headers, ATTESTATION_HEADER, token)
}

/** Set without the key that stands in it, or removed when there is nothing else. */
const protocolsOf = ({ request }: AllowContext): string => {
  const lines = request?.headers.get(PROTOCOLS_HEADER)
  const left = lines === undefined ? undefined : protocolsWithoutKey(lines)
  if (left === undefined) return ''
  if (left === '') return field(TAG.okResponse.headersToRemove, PROTOCOLS_HEADER)
  return overwritingHeader(TAG.okResponse.headers, PROTOCOLS_HEADER, left)
}

/** Strings of bytes. `added`: headers that are set behind the prepared ones, removed before those. */
type Variation = Readonly<{ added: string; limits: LimitBytes; later: string; decisionId: string }>

/** Part after part goes to its place: what is joined as a string first is copied once more, and thrown away. */
const varied = (
  { plain, okFrom, signedAt, okTo, idAt, factsFrom }: AllowTemplate,
  { added, limits, later, decisionId }: Variation,
): Buffer => {
  const okLength = okTo - okFrom + added.length + limits.length
  const metadata = later === '' ? '' : beforeId(plain.length - factsFrom + later.length)
  const metadataLength = later === '' ? idAt - okTo : metadata.length
  const okAt = BEFORE_OK.length + varintLength(okLength)
  const metadataAt = okAt + okLength
  const idTo = metadataAt + metadataLength + DECISION_ID_LENGTH
  const laterAt = idTo + plain.length - factsFrom
  const answer = Buffer.allocUnsafe(laterAt + later.length)
  // To the end of BEFORE_OK the plain answer is no other.
  plain.copy(answer, 0, 0, BEFORE_OK.length)
  writeVarint(okLength, answer, BEFORE_OK.length)
  const limitsAt = metadataAt - limits.length
  if (added === '') plain.copy(answer, okAt, okFrom, okTo)
  else {
    plain.copy(answer, okAt, okFrom, signedAt)
    answer.write(added, okAt + signedAt - okFrom, 'latin1')
    plain.copy(answer, limitsAt - (okTo - signedAt), signedAt, okTo)
  }
  writeLimitBytes(limits, answer, limitsAt)
  if (later === '') plain.copy(answer, metadataAt, okTo)
  else {
    answer.write(metadata, metadataAt, 'latin1')
    plain.copy(answer, idTo, factsFrom)
    answer.write(later, laterAt, 'latin1')
  }
  answer.write(decisionId, idTo - DECISION_ID_LENGTH, 'latin1')
  return answer
}

/** In the order of `factsOf`. */
const laterFacts = (stale: boolean, { failedOpen, wouldDeny }: Allow): string =>
  (stale ? STALE : '') +
  (failedOpen ? FAIL_OPEN : '') +
  (wouldDeny === undefined ? '' : structEntry('would_deny', wouldDeny.reason))

const withShadow = (limits: LimitBytes, wouldDeny: Deny | undefined): LimitBytes => {
  if (wouldDeny === undefined) return limits
  const told = overwritingHeader(TAG.okResponse.responseHeadersToAdd, WOULD_DENY_HEADER, wouldDeny.reason)
  return { ...limits, length: limits.length + told.length, more: limits.more + told }
}

const STALE = structEntry('stale', 'true')
const FAIL_OPEN = structEntry('fail_open', 'true')
