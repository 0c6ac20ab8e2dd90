// Ids that people see: a prefix that says what it is, and enough randomness that nobody meets twice.
import { randomInt } from 'node:crypto'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const LENGTH = 22

export const createPublicId = (prefix: 'key' | 'own'): string =>
  `${prefix}_${Array.from({ length: LENGTH }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('')}`

/** Tells a key's id from an owner's path. */
export const KEY_ID_PREFIX = 'key_'

const KEY_ID = new RegExp(`^key_[0-9A-Za-z]{${LENGTH}}$`)

/** False: the id cannot exist, so the database need not be asked, nor its idea of equal text be trusted. */
export const isKeyId = (id: string): boolean => KEY_ID.test(id)
