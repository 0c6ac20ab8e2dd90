// The headers of an Allow's answer that change with each request: what remains of its limits, as bytes.
import type { Allow } from '../check/decision.ts'
import { OVERWRITE, overwritingHeader, TAG } from './answer-bytes.ts'
import { rateLimitNames, resetText, softLimitHeaders, tightestOf } from './rate-limit-headers.ts'

export type LimitBytes = Readonly<{
  /** Bytes that it takes in an answer. */
  length: number
  blanks: Blanks | undefined
  amount: number
  remaining: number
  reset: string
  /** Headers that stand behind these, as a string of bytes. */
  more: string
}>

/** The three headers, or two, with their values left blank; where each value begins. */
type Blanks = Readonly<{ bytes: Buffer; amountAt: number; remainingAt: number; resetAt: number }>

export const NO_LIMITS: LimitBytes = {
  length: 0,
  blanks: undefined,
  amount: 0,
  remaining: 0,
  reset: '',
  more: '',
}

/** Throws as `overwriting` does. */
export const limitBytesOf = ({ limits, near }: Allow, nowMs: number): LimitBytes => {
  const more = near.length === 0 ? '' : softLimitBytes(near)
  const tightest = tightestOf(limits)
  if (tightest === undefined) return { ...NO_LIMITS, length: more.length, more }
  const { amount, remaining } = tightest
  const reset = resetText(tightest, nowMs)
  const blanks = blanksOf(tightest.quota.unit, digitsIn(amount), digitsIn(remaining), reset.length)
  return { length: blanks.bytes.length + more.length, blanks, amount, remaining, reset, more }
}

/** Returns where it ends. */
export const writeLimitBytes = (limits: LimitBytes, into: Buffer, at: number): number => {
  const { blanks, length, more } = limits
  if (blanks !== undefined) {
    into.set(blanks.bytes, at)
    fillNumber(into, at + blanks.amountAt, limits.amount)
    fillNumber(into, at + blanks.remainingAt, limits.remaining)
    fill(into, at + blanks.resetAt, limits.reset)
  }
  if (more !== '') into.write(more, at + length - more.length, 'latin1')
  return at + length
}

/** A handful of characters: sooner written here than handed over. */
const fill = (into: Buffer, at: number, text: string): void => {
  for (let index = 0; index < text.length; index += 1) into[at + index] = text.charCodeAt(index)
}

/** A whole number, not negative. What is text once is kept by V8 for the next time, for ever: here it is another each time. */
const fillNumber = (into: Buffer, at: number, value: number): void => {
  let rest = value
  for (let place = at + digitsIn(value) - 1; place >= at; place -= 1) {
    into[place] = ZERO + (rest % 10)
    rest = Math.floor(rest / 10)
  }
}

const digitsIn = (value: number): number => {
  let digits = 1
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits += 1
  return digits
}

const ZERO = 0x30

const softLimitBytes = (near: Allow['near']): string =>
  softLimitHeaders(near)
    .map(([name, value]) => overwritingHeader(TAG.okResponse.responseHeadersToAdd, name, value))
    .join('')

/** Units come from a closed list and no value is longer than 24 characters: some thousands at most, of 160 bytes. */
const blanksOf = (unit: string, amount: number, remaining: number, reset: number): Blanks => {
  const ofUnit = PREPARED.get(unit) ?? new Map<number, Blanks>()
  const shape = (amount * 32 + remaining) * 32 + reset
  const held = ofUnit.get(shape)
  if (held !== undefined) return held
  const made = createBlanks(unit, amount, remaining, reset)
  PREPARED.set(unit, ofUnit.set(shape, made))
  return made
}

const PREPARED = new Map<string, Map<number, Blanks>>()

const createBlanks = (unit: string, amount: number, remaining: number, reset: number): Blanks => {
  const names = rateLimitNames(unit)
  const limitHeader = blank(names.limit, amount)
  const counted = limitHeader + blank(names.remaining, remaining)
  const bytes = reset === 0 ? counted : counted + blank(names.reset, reset)
  return {
    bytes: Buffer.from(bytes, 'latin1'),
    amountAt: limitHeader.length - OVERWRITE.length - amount,
    remainingAt: counted.length - OVERWRITE.length - remaining,
    resetAt: bytes.length - OVERWRITE.length - reset,
  }
}

const blank = (name: string, valueLength: number): string =>
  overwritingHeader(TAG.okResponse.responseHeadersToAdd, name, '0'.repeat(valueLength))
