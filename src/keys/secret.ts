// Secrets: mint, recognise by shape before any look-up, hash, hint.
import { hash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** `length` counts the whole secret, prefix and checksum included. */
export type SecretFormat = Readonly<{ prefix: string; length: number; checksum: 'crc32' | 'none' }>

/** `lk_`, 30 characters of randomness (178 bits), 6 of checksum. */
export const DEFAULT_SECRET_FORMATS: readonly SecretFormat[] = [
  { prefix: 'lk_', length: 39, checksum: 'crc32' },
]

export type Secrets = Readonly<{
  /** True when the token has the prefix, length, alphabet and checksum of an accepted format. */
  recognise(token: string): boolean
  /** A new secret in the first format. */
  mint(): string
  /** The same from these bytes, which are asked for until there are enough of them. */
  mintFrom(random: (count: number) => Uint8Array): string
}>

export const createSecrets = (formats: readonly SecretFormat[]): Secrets => {
  const [minting] = formats
  if (minting === undefined) throw new Error('at least one secret format is needed')
  return {
    recognise: createRecognise(formats),
    mint: () => mint(minting, randomBytes),
    mintFrom: (random) => mint(minting, random),
  }
}

/** SHA-256 of the whole secret, 32 bytes: the only form in which a secret is kept. */
export const digestSecret = (secret: string): Uint8Array =>
  // As text and back: a Buffer that `hash` makes is memory of its own, and four times the cost of all of this.
  Buffer.from(hash('sha256', secret, 'binary'), 'latin1')

/** The last four characters, to tell keys apart. */
export const hintOf = (secret: string): string => secret.slice(-4)

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const CHECKSUM_LENGTH = 6
// Imported keys come from generators that use URL-safe base64 too.
const IMPORTED = /^[0-9A-Za-z_-]+$/

type RandomBytes = (count: number) => Uint8Array

const createRecognise = (formats: readonly SecretFormat[]): Secrets['recognise'] => {
  const tests = formats.map(testOf)
  return (token) => {
    for (const test of tests) if (test(token)) return true
    return false
  }
}

const testOf = ({ prefix, length, checksum }: SecretFormat): ((token: string) => boolean) => {
  if (checksum === 'none')
    return (token) =>
      token.length === length && token.startsWith(prefix) && IMPORTED.test(token.slice(prefix.length))
  const start = ~crc32(prefix)
  return (token) =>
    token.length === length && token.startsWith(prefix) && hasChecksum(token, prefix.length, start)
}

/** The same sum as `checksumOf`, but nothing is made on the way: this is the first that is asked of every request. */
const hasChecksum = (token: string, from: number, start: number): boolean => {
  const sumFrom = token.length - CHECKSUM_LENGTH
  if (sumFrom < from) return false
  let crc = start
  let at = from
  for (; at < sumFrom; at += 1) {
    const code = token.charCodeAt(at)
    if (digitOf(code) < 0) return false
    crc = (CRC[(crc ^ code) & 0xff] ?? 0) ^ (crc >>> 8)
  }
  let sum = 0
  for (; at < token.length; at += 1) {
    const digit = digitOf(token.charCodeAt(at))
    if (digit < 0) return false
    sum = sum * 62 + digit
  }
  return sum === ~crc >>> 0
}

/** What a character counts in the alphabet, or -1. */
const digitOf = (code: number): number => DIGITS[code] ?? -1

const DIGITS = Int8Array.from({ length: 128 }, (_, code) => ALPHABET.indexOf(String.fromCharCode(code)))

/** Of each byte, for a sum that is carried on from byte to byte (IEEE 802.3, reflected). */
const CRC = Int32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte
  for (let bit = 0; bit < 8; bit += 1) rest = (rest & 1) === 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1
  return rest
})

const mint = ({ prefix, length, checksum }: SecretFormat, random: RandomBytes): string => {
  const tail = checksum === 'crc32' ? CHECKSUM_LENGTH : 0
  const head = prefix + randomCharacters(length - prefix.length - tail, random)
  return checksum === 'crc32' ? head + checksumOf(head) : head
}

/** CRC-32 (IEEE) as a number in the alphabet, most significant digit first, padded left with 0. */
const checksumOf = (head: string): string => {
  let rest = crc32(head)
  let digits = ''
  for (let place = 0; place < CHECKSUM_LENGTH; place += 1) {
    digits = ALPHABET.charAt(rest % 62) + digits
    rest = Math.floor(rest / 62)
  }
  return digits
}

/** Bytes of 248 and above are thrown away, so every character is equally likely. */
const randomCharacters = (count: number, random: RandomBytes): string => {
  let text = ''
  while (text.length < count) {
    for (const byte of random(count - text.length)) if (byte < 248) text += ALPHABET.charAt(byte % 62)
  }
  return text
}
