// Secrets with a middle that is easy to find, valid like any other.
import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

export const CANARY = 'CaNaRy'

/** `lk_`, 8 random characters, the word, its number, 11 random characters, the checksum. */
export const mintCanary = (number: number): string => {
  const head = `lk_${randomText(8)}${CANARY}${String(number).padStart(5, '0')}${randomText(11)}`
  return head + checksumOf(head)
}

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

const randomText = (length: number): string =>
  [...randomBytes(length)].map((byte) => ALPHABET.charAt(byte % 62)).join('')

const checksumOf = (head: string): string => {
  let digits = ''
  for (let rest = crc32(head); digits.length < 6; rest = Math.floor(rest / 62))
    digits = ALPHABET.charAt(rest % 62) + digits
  return digits
}
