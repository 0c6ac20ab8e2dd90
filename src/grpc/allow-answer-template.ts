// What of an Allow's answer is the same for each request of a key: identity, model, route, guardrails, what is removed.
import type { Allow } from '../check/decision.ts'
import { field, overwritingHeader, structEntry, TAG, utf8, varint } from './answer-bytes.ts'
import type { Attestor } from './attestation.ts'
import { factsOf } from './check-response.ts'
import { DECISION_ID_LENGTH } from './decision-id.ts'
import type { HeaderNames } from './upstream-headers.ts'
import { ATTESTATION_HEADER, upstreamHeaders } from './upstream-headers.ts'

export type AllowTemplate = Readonly<{
  /** The whole answer to an Allow without limits, but for the decision's id. */
  plain: Buffer
  /** In it, the OkHttpResponse without its length: the headers of the answer go behind it. */
  okFrom: number
  /** Where the attestation goes, when there is one: behind the headers that are set. */
  signedAt: number
  okTo: number
  /** Where the decision's id stands: the only length that there is room for. */
  idAt: number
  /** Where the id ends: the rest of the dynamic metadata. */
  factsFrom: number
  /** What an attestation of this begins with; empty without an attestor. */
  claims: string
}>

/** A CheckResponse to the length of its OkHttpResponse. OK is 0, and what is 0 is not written. */
export const BEFORE_OK = field(TAG.response.status, '') + TAG.response.okResponse

export type TemplateOptions = HeaderNames & Readonly<{ attestor?: Attestor | undefined }>

/** Throws when something in the Allow cannot be sent. */
export const createAllowTemplate = (allow: Allow, options: TemplateOptions): AllowTemplate => {
  const { headers, removed } = okResponseOf(allow, options)
  const ok = headers + removed
  const before = BEFORE_OK + varint(ok.length)
  const factsAfterId = laterFactsOf(allow)
  const head = before + ok + beforeId(factsAfterId.length)
  return {
    plain: Buffer.from(head + NO_ID + factsAfterId, 'latin1'),
    okFrom: before.length,
    signedAt: before.length + headers.length,
    okTo: before.length + ok.length,
    idAt: head.length,
    factsFrom: head.length + DECISION_ID_LENGTH,
    claims: options.attestor?.claimsOf(allow) ?? '',
  }
}

/** The dynamic metadata to where the id begins, when so many bytes follow the id. */
export const beforeId = (bytesAfterId: number): string =>
  TAG.response.dynamicMetadata + varint(ID_KEY.length + DECISION_ID_LENGTH + bytesAfterId) + ID_KEY

const NO_ID = '-'.repeat(DECISION_ID_LENGTH)
const ID_KEY = structEntry('decision_id', NO_ID).slice(0, -DECISION_ID_LENGTH)

/** Without the attestation: it is neither set here nor, when there will be one, removed. */
const okResponseOf = (allow: Allow, options: TemplateOptions) => {
  const { set, remove } = upstreamHeaders(allow, options, options.attestor && 'to come')
  const headers = Array.from(set, ([name, value]) =>
    name === ATTESTATION_HEADER ? '' : overwritingHeader(TAG.okResponse.headers, name, value),
  )
  const removed = remove.map((name) => field(TAG.okResponse.headersToRemove, utf8(name)))
  return { headers: headers.join(''), removed: removed.join('') }
}

/** Those that depend on the request alone come last and are left to whoever answers it. */
const laterFactsOf = (allow: Allow): string =>
  Object.entries(
    factsOf({ ...allow, failedOpen: false, wouldDeny: undefined }, { decisionId: '', stale: false }),
  )
    .filter(([name]) => name !== 'decision_id')
    .map(([name, fact]) => structEntry(name, fact))
    .join('')
