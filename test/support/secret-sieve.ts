// Finds what is left of secrets in texts: pieces of them, of their digests, and of both in the encodings that programs print.
import { hash } from 'node:crypto'

export type SecretSieve = Readonly<{
  /** Words of the text in which a piece of a secret stands; empty is good. */
  sift(text: string): readonly string[]
}>

/** A piece of so many characters is no chance; digits of 16 values need more of them. */
const PIECE = 10
const ENCODED_PIECE = 16

/** `digests: false` for a place where digests belong. */
export const createSieve = (secrets: readonly string[], { digests = true } = {}): SecretSieve => {
  const pieces = new Set<string>()
  const encoded = new Set<string>()
  const addBytes = (bytes: Buffer) => {
    for (const text of [bytes.toString('hex'), [...bytes].map((byte) => `${byte}`.padStart(3, '0')).join('')])
      addTo(encoded, ENCODED_PIECE, text)
  }
  for (const secret of secrets) {
    for (const text of [secret, secret.toLowerCase(), secret.toUpperCase()]) addTo(pieces, PIECE, text)
    // Wherever it begins within the text that is encoded.
    for (const before of ['', 'x', 'xx'])
      addTo(
        encoded,
        ENCODED_PIECE,
        Buffer.from(before + secret)
          .toString('base64')
          .slice(4, -4),
      )
    addBytes(Buffer.from(secret))
    if (!digests) continue
    const digest = hash('sha256', secret, 'buffer')
    for (const encoding of ['base64', 'base64url'] as const)
      addTo(encoded, ENCODED_PIECE, digest.toString(encoding))
    addBytes(digest)
  }
  // Most words come again and again.
  const innocent = new Set<string>()
  const isGuilty = (word: string): boolean =>
    !innocent.has(word) && (has(pieces, PIECE, word) || has(encoded, ENCODED_PIECE, word))
  return {
    sift: (text) => {
      const found: string[] = []
      for (const word of wordsOf(text))
        if (isGuilty(word)) found.push(word)
        else if (innocent.size < MOST_INNOCENT) innocent.add(word)
      return found
    },
  }
}

const MOST_INNOCENT = 100_000

const addTo = (pieces: Set<string>, size: number, text: string): void => {
  for (let at = 0; at + size <= text.length; at += 1) pieces.add(text.slice(at, at + size))
}

const has = (pieces: ReadonlySet<string>, size: number, word: string): boolean => {
  for (let at = 0; at + size <= word.length; at += 1) if (pieces.has(word.slice(at, at + size))) return true
  return false
}

/** Also what Node shows of a Buffer, without its spaces, and what JSON does, three digits a byte; hexadecimal ones in lower case too. */
const wordsOf = (text: string): readonly string[] => [
  ...(text.match(/[A-Za-z0-9+/_-]{10,}/g) ?? []),
  ...(text.match(/\b[0-9A-F]{16,}\b/g) ?? []).map((word) => word.toLowerCase()),
  ...(text.match(/\b(?:[0-9a-f]{2} ){8,}/g) ?? []).map((bytes) => bytes.replaceAll(' ', '')),
  ...(text.match(/\b(?:\d{1,3},\s*){6,}/g) ?? []).map((bytes) =>
    bytes.replaceAll(/(\d+),\s*/g, (_, digits: string) => digits.padStart(3, '0')),
  ),
]
