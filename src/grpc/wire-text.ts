// Text from bytes of a message: plain ASCII at the price of a copy, anything else as generated code reads it.
import { isUtf8 } from 'node:buffer'

/** What generated code makes of a string field: what is not UTF-8 becomes U+FFFD. */
export const textAt = (bytes: Buffer, from: number, to: number): string =>
  isAscii(bytes, from, to) ? bytes.toString('latin1', from, to) : lenient.decode(bytes.subarray(from, to))

/** The bytes of that text, one character for each. */
export const latin1At = (bytes: Buffer, from: number, to: number): string =>
  isAscii(bytes, from, to) ? bytes.toString('latin1', from, to) : utf8At(bytes, from, to).toString('latin1')

/** The bytes of that text. */
export const utf8At = (bytes: Buffer, from: number, to: number): Buffer => {
  const sent = bytes.subarray(from, to)
  return isUtf8(sent) ? sent : Buffer.from(lenient.decode(sent), 'utf8')
}

const isAscii = (bytes: Buffer, from: number, to: number): boolean => {
  for (let at = from; at < to; at += 1) if ((bytes[at] ?? 0) >= 0x80) return false
  return true
}

// A leading U+FEFF is text.
const lenient = new TextDecoder('utf-8', { ignoreBOM: true })
