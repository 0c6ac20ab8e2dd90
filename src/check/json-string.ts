// Steps over a JSON string in UTF-8 bytes, as strictly as a fatal decoder and JSON.parse after it.
// https://www.rfc-editor.org/rfc/rfc8259#section-7

/** Where the string ends whose opening quote is at `open`, behind its closing quote; -1 when it is none. */
export const endOfString = (bytes: Buffer, open: number): number => {
  let at = endOfPlain(bytes, open + 1)
  while (bytes[at] !== QUOTE) {
    at = bytes[at] === BACKSLASH ? endOfEscape(bytes, at) : endOfSequences(bytes, at)
    if (at === -1) return -1
    at = endOfPlain(bytes, at)
  }
  return at + 1
}

/** Most of a body is text: one look-up tells what needs none of our attention. */
const endOfPlain = (bytes: Buffer, from: number): number => {
  const plain = PLAIN
  let at = from
  while (plain[bytes[at] ?? 0] === 1) at += 1
  return at
}

/** The text of a string that `endOfString` has passed once; undefined when another value begins there. */
export const stringAt = (bytes: Buffer, open: number): string | undefined => {
  if (bytes[open] !== QUOTE) return undefined
  const end = endOfString(bytes, open)
  if (isPlain(bytes, open + 1, end - 1)) return bytes.toString('latin1', open + 1, end - 1)
  return String(JSON.parse(bytes.toString('utf8', open, end)))
}

/** Nothing but ASCII that stands for itself. */
export const isPlain = (bytes: Buffer, from: number, to: number): boolean => {
  for (let at = from; at < to; at += 1) if (PLAIN[bytes[at] ?? 0] !== 1) return false
  return true
}

export const QUOTE = 0x22
const BACKSLASH = 0x5c

// A byte behind the end counts as 0, which is not plain.
const PLAIN = new Uint8Array(256).fill(1, 0x20, 0x80)
PLAIN[QUOTE] = 0
PLAIN[BACKSLASH] = 0

/** Half a surrogate pair may stand alone: the grammar allows it, and so does JSON.parse. */
const endOfEscape = (bytes: Buffer, at: number): number => {
  const byte = bytes[at + 1] ?? 0
  if (byte !== SMALL_U) return ESCAPED[byte] === 1 ? at + 2 : -1
  for (let digit = at + 2; digit < at + 6; digit += 1) if (HEXADECIMAL[bytes[digit] ?? 0] !== 1) return -1
  return at + 6
}

const SMALL_U = 0x75

const markedIn = (characters: string): Uint8Array => {
  const marks = new Uint8Array(256)
  for (const character of characters) marks[character.charCodeAt(0)] = 1
  return marks
}

const ESCAPED = markedIn('"\\/bfnrt')
const HEXADECIMAL = markedIn('0123456789abcdefABCDEF')

/** Characters of more than one byte, one at least, by https://www.rfc-editor.org/rfc/rfc3629#section-4; else -1. */
const endOfSequences = (bytes: Buffer, from: number): number => {
  let at = endOfSequence(bytes, from)
  while (at !== -1 && (bytes[at] ?? 0) >= 0x80) at = endOfSequence(bytes, at)
  return at
}

const endOfSequence = (bytes: Buffer, at: number): number => {
  const lead = bytes[at] ?? 0
  const second = bytes[at + 1] ?? 0
  if (lead < 0xc2 || !isTail(second)) return -1
  if (lead < 0xe0) return at + 2
  if (!isTail(bytes[at + 2] ?? 0)) return -1
  // No longer form than needed, no surrogate, nothing behind U+10FFFF.
  if (lead < 0xf0) return (lead === 0xe0 && second < 0xa0) || (lead === 0xed && second > 0x9f) ? -1 : at + 3
  if (lead > 0xf4 || (lead === 0xf0 && second < 0x90) || (lead === 0xf4 && second > 0x8f)) return -1
  return isTail(bytes[at + 3] ?? 0) ? at + 4 : -1
}

const isTail = (byte: number): boolean => (byte & 0xc0) === 0x80
