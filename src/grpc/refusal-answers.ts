// The encoded answer to a refusal: one that says the same to everybody is made once, and then only given its id.
import type { Deny, Listing } from '../check/decision.ts'
import type { Answer, ResponseContext } from './check-response.ts'
import { toCheckResponse, toErrorResponse } from './check-response.ts'
import { DECISION_ID_LENGTH } from './decision-id.ts'
import { encodeAnswer } from './encode-answer.ts'

/** `asError`: "cannot know", left to Envoy's failure mode. */
export type RefusalContext = ResponseContext & Readonly<{ asError: boolean }>

export type RefusalAnswers = (decision: Deny | Listing, context: RefusalContext) => Buffer

/** To the byte what `encodeAnswer` makes of it; an id has always the same length. */
export const createRefusalAnswers = (): RefusalAnswers => {
  /** By message: nearly always words of ours that are the same object each time. */
  const templates = new Map<string, Template[]>()
  let remembered = 0
  const templateOf = (deny: Deny, context: RefusalContext): Template => {
    const held = templates.get(deny.message)
    for (const each of held ?? []) if (isLike(each, deny, context)) return each
    if (remembered >= MAX_TEMPLATES) {
      templates.clear()
      remembered = 0
    }
    const template = createTemplate(deny, context)
    remembered += 1
    const others = templates.get(deny.message)
    if (others === undefined) templates.set(deny.message, [template])
    else others.push(template)
    return template
  }
  return (decision, context) => {
    if (!isSameForAll(decision)) return encodeAnswer(answerTo(decision, context))
    const { bytes, idsAt } = templateOf(decision, context)
    const answer = Buffer.allocUnsafe(bytes.length)
    answer.set(bytes)
    for (const at of idsAt) answer.write(context.decisionId, at, 'latin1')
    return answer
  }
}

/** Some 700 bytes each; there are twenty reasons, three shapes, and few messages that name what a client sent. */
const MAX_TEMPLATES = 256
const MAX_MESSAGE = 256

type Template = Readonly<{
  reason: Deny['reason']
  shape: RefusalContext['shape']
  stale: boolean
  asError: boolean
  bytes: Buffer
  idsAt: readonly number[]
}>

const isSameForAll = (decision: Deny | Listing): decision is Deny =>
  decision.outcome === 'deny' &&
  decision.key === undefined &&
  decision.limits === undefined &&
  decision.retryAfterS === undefined &&
  decision.message.length <= MAX_MESSAGE

const isLike = (template: Template, { reason }: Deny, { shape, stale, asError }: RefusalContext): boolean =>
  template.reason === reason &&
  template.shape === shape &&
  template.stale === stale &&
  template.asError === asError

const answerTo = (decision: Deny | Listing, context: RefusalContext): Answer =>
  context.asError && decision.outcome === 'deny'
    ? toErrorResponse(decision, context)
    : toCheckResponse(decision, context)

/** Made with two ids: where the two differ an id stands, whatever the message says. */
const createTemplate = (deny: Deny, context: RefusalContext): Template => {
  const encoded = (digit: string) =>
    encodeAnswer(answerTo(deny, { ...context, decisionId: digit.repeat(DECISION_ID_LENGTH) }))
  const bytes = encoded('0')
  const other = encoded('1')
  const idsAt: number[] = []
  for (let at = 0; at < bytes.length; at += 1) {
    if (bytes[at] === other[at]) continue
    idsAt.push(at)
    at += DECISION_ID_LENGTH - 1
  }
  const { shape, stale, asError } = context
  return { reason: deny.reason, shape, stale, asError, bytes, idsAt }
}
