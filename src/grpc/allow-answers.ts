// The encoded answer to an Allow, put together from what was prepared when its key was first answered.
import type { Allow } from '../check/decision.ts'
import { budgetHeaders } from './allow-answer-budget.ts'
import { createAllowTemplates } from './allow-answer-memory.ts'
import type { AllowTemplate } from './allow-answer-template.ts'
import { BEFORE_OK, beforeId, createAllowTemplate, DECISION_ID_LENGTH } from './allow-answer-template.ts'
import { stringEntry, varint } from './answer-bytes.ts'

export type AllowContext = Readonly<{
  /** `dec_` and a UUID. */
  decisionId: string
  /** The database's time, UTC milliseconds. */
  nowMs: number
  /** Decided on what was remembered of a key while the store did not answer. */
  stale: boolean
}>

export type AllowAnswers = (allow: Allow, context: AllowContext) => Buffer

/**
 * To the byte what `toCheckResponse` and the generated code would make of it, at a tenth of the cost; throws where that throws, and on
 * an id of another length.
 */
export const createAllowAnswers = ({
  credentialHeaders,
}: Readonly<{ credentialHeaders: readonly string[] }>): AllowAnswers => {
  const templateOf = createAllowTemplates((allow) => createAllowTemplate(allow, credentialHeaders), MEMORY)
  return (allow, { decisionId, nowMs, stale }) => {
    if (decisionId.length !== DECISION_ID_LENGTH) throw new Error('the id of a decision has another length')
    const template = templateOf(allow)
    const { failedOpen, limits, near } = allow
    const isPlain = !stale && !failedOpen && limits.length === 0 && near.length === 0
    const head = isPlain ? template.head : varied(template, allow, nowMs, laterFacts(stale, failedOpen))
    const tail = isPlain ? template.factsAfterId : template.factsAfterId + laterFacts(stale, failedOpen)
    return Buffer.from(head + decisionId + tail, 'latin1')
  }
}

/** Some 900 bytes each. */
const MEMORY = { maxTemplates: 8_192, maxPerKey: 8 }

/** A whole answer to where the id begins. */
const varied = (
  { head, okFrom, okTo, factsAfterId }: AllowTemplate,
  allow: Allow,
  nowMs: number,
  later: string,
): string => {
  const told = budgetHeaders(allow, nowMs)
  const ok = head.slice(okFrom, okTo)
  return (
    BEFORE_OK + varint(ok.length + told.length) + ok + told + beforeId(factsAfterId.length + later.length)
  )
}

const laterFacts = (stale: boolean, failedOpen: boolean): string =>
  (stale ? STALE : '') + (failedOpen ? FAIL_OPEN : '')

const STALE = stringEntry('stale', 'true')
const FAIL_OPEN = stringEntry('fail_open', 'true')
