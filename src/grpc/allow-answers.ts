// The encoded answer to an Allow, put together from what was prepared when its key was first answered.
import type { Allow } from '../check/decision.ts'
import type { Budget } from './allow-answer-budget.ts'
import { budgetOf, writeBudget } from './allow-answer-budget.ts'
import { createAllowTemplates } from './allow-answer-memory.ts'
import type { AllowTemplate } from './allow-answer-template.ts'
import { BEFORE_OK, beforeId, createAllowTemplate } from './allow-answer-template.ts'
import { structEntry, varintLength, writeVarint } from './answer-bytes.ts'
import { DECISION_ID_LENGTH } from './decision-id.ts'

export type AllowContext = Readonly<{
  /** `dec_` and a UUID. */
  decisionId: string
  /** The database's time, UTC milliseconds; asked for where there are limits. */
  now(): number
  /** Decided on what was remembered of a key while the store did not answer. */
  stale: boolean
}>

export type AllowAnswers = (allow: Allow, context: AllowContext) => Buffer

/**
 * To the byte what the generated code would make of it, at a tenth of the cost; throws when something in the Allow cannot be sent, and
 * on an id of another length.
 */
export const createAllowAnswers = ({
  credentialHeaders,
}: Readonly<{ credentialHeaders: readonly string[] }>): AllowAnswers => {
  const templateOf = createAllowTemplates((allow) => createAllowTemplate(allow, credentialHeaders), MEMORY)
  return (allow, { decisionId, now, stale }) => {
    if (decisionId.length !== DECISION_ID_LENGTH) throw new Error('the id of a decision has another length')
    const template = templateOf(allow)
    const { failedOpen, limits, near } = allow
    const isPlain = !stale && !failedOpen && limits.length === 0 && near.length === 0
    if (!isPlain) return varied(template, budgetOf(allow, now()), laterFacts(stale, failedOpen), decisionId)
    const answer = Buffer.allocUnsafe(template.plain.length)
    answer.set(template.plain)
    answer.write(decisionId, template.idAt, 'latin1')
    return answer
  }
}

/** Some 900 bytes each. */
const MEMORY = { maxTemplates: 8_192, maxPerKey: 8 }

/** Part after part goes to its place: what is joined as a string first is copied once more, and thrown away. */
const varied = (
  { plain, okFrom, okTo, idAt, factsFrom }: AllowTemplate,
  budget: Budget,
  later: string,
  decisionId: string,
): Buffer => {
  const okLength = okTo - okFrom + budget.length
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
  plain.copy(answer, okAt, okFrom, okTo)
  writeBudget(budget, answer, okAt + okTo - okFrom)
  if (later === '') plain.copy(answer, metadataAt, okTo)
  else {
    answer.write(metadata, metadataAt, 'latin1')
    plain.copy(answer, idTo, factsFrom)
    answer.write(later, laterAt, 'latin1')
  }
  answer.write(decisionId, idTo - DECISION_ID_LENGTH, 'latin1')
  return answer
}

const laterFacts = (stale: boolean, failedOpen: boolean): string =>
  (stale ? STALE : '') + (failedOpen ? FAIL_OPEN : '')

const STALE = structEntry('stale', 'true')
const FAIL_OPEN = structEntry('fail_open', 'true')
