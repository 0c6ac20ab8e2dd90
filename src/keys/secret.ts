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
}>

export const createSecrets = (formats: readonly SecretFormat[]): Secrets => {
  const [minting] = formats
  if (minting === undefined) throw new Error('at least one secret format is needed')
  return {
    recognise: (token) => formats.some((format) => hasFormat(token, format)),
    mint: () => mint(minting),
  }
}

/** SHA-256 of the whole secret, 32 bytes: the only form in which a secret is kept. */
export const digestSecret = (secret: string): Uint8Array => hash('sha256', secret, 'buffer')

/** The last four characters, to tell keys apart. */
export const hintOf = (secret: string): string => secret.slice(-4)

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const CHECKSUM_LENGTH = 6
const BASE62 = /^[0-9A-Za-z]+$/
// Imported keys come from generators that use URL-safe base64 too.
const IMPORTED = /^[0-9A-Za-z_-]+$/

const hasFormat = (token: string, { prefix, length, checksum }: SecretFormat): boolean => {
  if (token.length !== length || !token.startsWith(prefix)) return false
  const rest = token.slice(prefix.length)
  if (checksum === 'none') return IMPORTED.test(rest)
  return BASE62.test(rest) && rest.endsWith(checksumOf(token.slice(0, -CHECKSUM_LENGTH)))
}

const mint = ({ prefix, length, checksum }: SecretFormat): string => {
  const tail = checksum === 'crc32' ? CHECKSUM_LENGTH : 0
  const head = prefix + randomCharacters(length - prefix.length - tail)
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
const randomCharacters = (count: number): string => {
  let text = ''
  while (text.length < count) {
    for (const byte of randomBytes(count - text.length)) if (byte < 248) text += ALPHABET.charAt(byte % 62)
  }
  return text
}
