// A rotation that is called again has the same secret, and nothing that is kept tells it.
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { deriveSecret, digestRequest, drawSalt, parseIdempotencyKey } from '../../src/keys/derived-secret.ts'
import { createSecrets, DEFAULT_SECRET_FORMATS } from '../../src/keys/secret.ts'

const secrets = createSecrets(DEFAULT_SECRET_FORMATS)
const from = () => ({ idempotencyKey: randomUUID(), salt: drawSalt(), keyId: 'key_1' })

test('the same idempotency key, salt and key bring the same secret, valid like a minted one', () => {
  for (let round = 0; round < 1_000; round += 1) {
    const one = from()
    const secret = deriveSecret(secrets, one)
    expect(secrets.recognise(secret)).toBe(true)
    expect(deriveSecret(secrets, one)).toBe(secret)
  }
})

test('another idempotency key, salt or key brings another secret', () => {
  const one = from()
  const secret = deriveSecret(secrets, one)
  for (const change of [{ idempotencyKey: randomUUID() }, { salt: drawSalt() }, { keyId: 'key_2' }])
    expect(deriveSecret(secrets, { ...one, ...change })).not.toBe(secret)
})

test('every character of the alphabet is as likely as in a minted secret', () => {
  const counts = new Map<string, number>()
  for (let round = 0; round < 4_000; round += 1)
    for (const character of deriveSecret(secrets, from()).slice(3, 33))
      counts.set(character, (counts.get(character) ?? 0) + 1)
  expect(counts.size).toBe(62)
  // 120,000 characters: 1,935 of each, give or take 44; eight times that never happens by chance.
  for (const count of counts.values()) expect(Math.abs(count - 1_935)).toBeLessThan(352)
})

test('a secret of the longest format can be derived', () => {
  const long = createSecrets([{ prefix: 'sk-', length: 512, checksum: 'none' }])
  expect(long.recognise(deriveSecret(long, from()))).toBe(true)
})

test('what is kept of an idempotency key is the same each time, and no piece of it or of the secret', () => {
  const one = from()
  const kept = Buffer.from(digestRequest(one.idempotencyKey))
  expect(kept).toHaveLength(32)
  expect(kept.equals(digestRequest(one.idempotencyKey))).toBe(true)
  expect(kept.equals(digestRequest(randomUUID()))).toBe(false)
  expect(deriveSecret(secrets, { ...one, idempotencyKey: kept.toString('hex') })).not.toBe(
    deriveSecret(secrets, one),
  )
})

test('only what looks drawn at random may name a rotation: the secret is no harder to guess', () => {
  const uuid = randomUUID()
  expect(parseIdempotencyKey(uuid.toUpperCase())).toBe(uuid)
  const hex = '0123456789abcdef0123456789abcdef'
  expect(parseIdempotencyKey(hex)).toBe(hex)
  for (const text of [
    '',
    'rotation-of-november',
    'deploy-2026-11-21-search-production-key',
    '00000000-0000-4000-8000-000000000000'.replace('4', '7'),
    '0190163d-8694-739b-aea5-966c26f8ad90',
    '0'.repeat(32),
    hex.slice(1),
    hex.repeat(5),
    `${hex} `,
  ])
    expect(() => parseIdempotencyKey(text), text).toThrow(/a random UUID \(version 4\)/)
})
