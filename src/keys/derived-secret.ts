// A secret that the same idempotency key brings again, though nothing is kept from which it could be had.
import { hkdfSync, randomBytes } from 'node:crypto'
import { Rejection } from '../kernel/failure.ts'
import type { Secrets } from './secret.ts'

export const SALT_BYTES = 16

/** Drawn for each rotation and kept: whoever sees an idempotency key in a log needs the database too. */
export const drawSalt = (): Uint8Array => new Uint8Array(randomBytes(SALT_BYTES))

/** In the first of the accepted formats. With another salt, key or idempotency key it is another secret. */
export const deriveSecret = (
  secrets: Secrets,
  from: Readonly<{ idempotencyKey: string; salt: Uint8Array; keyId: string }>,
): string => {
  const info = `latchkey rotated secret of ${from.keyId}`
  const stream = new Uint8Array(hkdfSync('sha256', from.idempotencyKey, from.salt, info, STREAM_BYTES))
  let used = 0
  return secrets.mintFrom((count) => {
    used += count
    if (used > STREAM_BYTES) throw new Error('a secret used up what it is derived from')
    return stream.subarray(used - count, used)
  })
}

/** By which a rotation is known again, 32 bytes. Neither the idempotency key nor the secret can be had from it. */
export const digestRequest = (idempotencyKey: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', idempotencyKey, '', 'latchkey name of a rotation', 32))

/**
 * In lower case. Throws Rejection unless it is long and looks drawn at random: the secret is no harder to guess than this. A UUID of
 * version 4 has 122 random bits.
 */
export const parseIdempotencyKey = (text: string): string => {
  const key = text.toLowerCase()
  const random = UUID_V4.test(key) || (HEX.test(key) && new Set(key).size >= 8)
  if (random) return key
  throw new Rejection(
    'invalid',
    'an idempotency key is a random UUID (version 4) or 32 to 128 random hexadecimal digits, as openssl rand -hex 16 prints: the new secret is made from it',
  )
}

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const HEX = /^[0-9a-f]{32,128}$/
/** Of 256 bytes 8 are thrown away, and no secret has more than 512 characters. */
const STREAM_BYTES = 2_048
