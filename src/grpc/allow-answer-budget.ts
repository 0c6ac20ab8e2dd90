// The headers of an Allow's answer that change with each request: what remains of its limits, as bytes.
import type { Allow } from '../check/decision.ts'
import { beforeValue, OVERWRITE, TAG } from './answer-bytes.ts'
import { assertSendable } from './header-options.ts'
import { rateLimitHeaders, softLimitHeaders } from './rate-limit-headers.ts'

/** A string of bytes; empty without limits. Throws as `overwriting` does. */
export const budgetHeaders = ({ limits, near }: Allow, nowMs: number): string => {
  let bytes = ''
  for (const [name, value] of rateLimitHeaders(limits, nowMs)) bytes += header(name, value)
  for (const [name, value] of softLimitHeaders(near)) bytes += header(name, value)
  return bytes
}

const header = (name: string, value: string): string => {
  assertSendable(name, value)
  return before(name, value.length) + value + OVERWRITE
}

/** Names come from the closed list of units, and values are short: a few hundred at most. */
const before = (name: string, valueLength: number): string => {
  const prepared = BEFORE.get(name) ?? []
  const held = prepared[valueLength]
  if (held !== undefined) return held
  const made = beforeValue(TAG.okResponse.responseHeadersToAdd, name, valueLength)
  prepared[valueLength] = made
  BEFORE.set(name, prepared)
  return made
}

const BEFORE = new Map<string, string[]>()
