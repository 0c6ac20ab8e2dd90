// Steps over JSON's numbers, literals and white space in bytes, as strictly as JSON.parse.
// https://www.rfc-editor.org/rfc/rfc8259#section-6

/** Where the number or literal ends that begins at `at`; -1 when none does. */
export const endOfScalar = (bytes: Buffer, at: number): number => {
  const byte = bytes[at]
  if (byte === SMALL_T) return endOfLiteral(bytes, at, TRUE)
  if (byte === SMALL_F) return endOfLiteral(bytes, at, FALSE)
  if (byte === SMALL_N) return endOfLiteral(bytes, at, NULL)
  return endOfNumber(bytes, at)
}

export const endOfSpace = (bytes: Buffer, from: number): number => {
  let at = from
  while (isSpace(bytes[at] ?? 0)) at += 1
  return at
}

const isSpace = (byte: number): boolean =>
  byte <= 0x20 && (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09)

const endOfLiteral = (bytes: Buffer, from: number, literal: readonly number[]): number => {
  let at = from
  for (const byte of literal) {
    if (bytes[at] !== byte) return -1
    at += 1
  }
  return at
}

const SMALL_T = 0x74
const SMALL_F = 0x66
const SMALL_N = 0x6e
const TRUE = [...Buffer.from('true')]
const FALSE = [...Buffer.from('false')]
const NULL = [...Buffer.from('null')]

const endOfNumber = (bytes: Buffer, from: number): number => {
  const first = bytes[from] === MINUS ? from + 1 : from
  // A zero in front stands alone.
  let at = bytes[first] === ZERO ? first + 1 : endOfDigits(bytes, first)
  if (at !== -1 && bytes[at] === POINT) at = endOfDigits(bytes, at + 1)
  if (at !== -1 && ((bytes[at] ?? 0) | 0x20) === SMALL_E) at = endOfExponent(bytes, at + 1)
  return at
}

const endOfExponent = (bytes: Buffer, at: number): number => {
  const sign = bytes[at]
  return endOfDigits(bytes, sign === MINUS || sign === PLUS ? at + 1 : at)
}

/** One digit at least. */
const endOfDigits = (bytes: Buffer, from: number): number => {
  let at = from
  while (isDigit(bytes[at] ?? 0)) at += 1
  return at === from ? -1 : at
}

const isDigit = (byte: number): boolean => byte >= ZERO && byte <= NINE

const PLUS = 0x2b
const MINUS = 0x2d
const POINT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const SMALL_E = 0x65
