// A secret is recognised by its shape alone, and nothing but its digest identifies it.
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { SecretFormat } from '../../src/keys/secret.ts'
import { createSecrets, DEFAULT_SECRET_FORMATS, digestSecret, hintOf } from '../../src/keys/secret.ts'

const secrets = createSecrets(DEFAULT_SECRET_FORMATS)

test('a minted secret is lk_, 30 random and 6 checksum characters that follow the published rule', () => {
  const secret = secrets.mint()
  expect(secret).toMatch(/^lk_[0-9A-Za-z]{36}$/)
  const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  const sum = [...secret.slice(-6)].reduce((value, digit) => value * 62 + alphabet.indexOf(digit), 0)
  expect(sum).toBe(crc32(secret.slice(0, 33)))
})

test('10,000 minted secrets are all different and all recognised', () => {
  const minted = Array.from({ length: 10_000 }, () => secrets.mint())
  expect(new Set(minted).size).toBe(10_000)
  expect(minted.every((secret) => secrets.recognise(secret))).toBe(true)
})

test('no single changed, lost, doubled or swapped character is recognised', () => {
  const secret = secrets.mint()
  for (let at = 0; at < secret.length; at += 1) {
    const other = secret[at] === 'a' ? 'b' : 'a'
    expect(secrets.recognise(secret.slice(0, at) + other + secret.slice(at + 1))).toBe(false)
    expect(secrets.recognise(secret.slice(0, at) + secret.slice(at + 1))).toBe(false)
    expect(secrets.recognise(secret.slice(0, at) + secret[at] + secret.slice(at))).toBe(false)
    const next = secret[at + 1]
    if (next !== undefined && next !== secret[at])
      expect(secrets.recognise(secret.slice(0, at) + next + secret[at] + secret.slice(at + 2))).toBe(false)
  }
})

test('no text that was not minted is recognised', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), (text) => !secrets.recognise(text)),
    { numRuns: 10_000 },
  )
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), (text) => !secrets.recognise(`lk_${text}`)),
    { numRuns: 10_000 },
  )
})

/** The rule as it is published, by the library's checksum and by text. */
const published = (token: string, { prefix, length, checksum }: SecretFormat): boolean => {
  if (token.length !== length || !token.startsWith(prefix)) return false
  const rest = token.slice(prefix.length)
  if (checksum === 'none') return /^[0-9A-Za-z_-]+$/.test(rest)
  const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  const sum = [...rest.slice(-6)].reduce((value, digit) => value * 62 + alphabet.indexOf(digit), 0)
  return /^[0-9A-Za-z]{6,}$/.test(rest) && sum === crc32(token.slice(0, -6))
}

test('a token is recognised exactly when the published rule says so, whatever the format', () => {
  const format = fc.record({
    prefix: fc.constantFrom('', 'lk_', 'sk-', 'caf\u00e9_', '0'),
    random: fc.nat(20),
    checksum: fc.constantFrom('crc32' as const, 'none' as const),
  })
  const change = fc.option(fc.tuple(fc.nat(), fc.constantFrom('0', 'z', '_', ' ', '\n', '\u00e9', '\u0130')))
  const seen = { recognised: 0, refused: 0 }
  fc.assert(
    fc.property(format, change, fc.integer({ min: -7, max: 1 }), ({ prefix, random, checksum }, to, off) => {
      const minting = { prefix, length: prefix.length + 6 + random, checksum }
      const minted = createSecrets([minting]).mint()
      const at = (to?.[0] ?? 0) % minted.length
      const token = to === null ? minted : minted.slice(0, at) + to[1] + minted.slice(at + 1)
      for (const tried of [minting, { ...minting, length: minting.length + off }]) {
        for (const given of [token, token.slice(0, tried.length)]) {
          const expected = published(given, tried)
          expect({ given, recognised: createSecrets([tried]).recognise(given) }).toEqual({
            given,
            recognised: expected,
          })
          seen[expected ? 'recognised' : 'refused'] += 1
        }
      }
    }),
    { numRuns: 5_000 },
  )
  expect(Math.min(seen.recognised, seen.refused)).toBeGreaterThan(2_000)
})

test('no character outside the alphabet counts in a checksum, not even as one less than nothing', () => {
  const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  const minted = Array.from({ length: 10_000 }, () => secrets.mint()).filter((each) => /[^z]z$/.test(each))
  expect(minted.length).toBeGreaterThan(10)
  for (const secret of minted) {
    const next = alphabet.charAt(alphabet.indexOf(secret.charAt(37)) + 1)
    for (const stranger of ['_', ' ', '\u00e9'])
      expect(secrets.recognise(secret.slice(0, 37) + next + stranger)).toBe(false)
  }
})

test('the first format mints and every listed one is accepted', () => {
  const imported = createSecrets([
    { prefix: 'sk-', length: 51, checksum: 'crc32' },
    { prefix: 'old-', length: 24, checksum: 'none' },
  ])
  expect(imported.mint()).toMatch(/^sk-[0-9A-Za-z]{48}$/)
  expect(imported.recognise(imported.mint())).toBe(true)
  expect(imported.recognise('old-aB3_aB3-aB3_aB3-aB3_')).toBe(true)
  expect(imported.recognise('old-aB3_aB3-aB3_aB3-aB3')).toBe(false)
  expect(imported.recognise(secrets.mint())).toBe(false)
})

test('a digest is the SHA-256 of the whole secret, a hint its last four characters', () => {
  const secret = secrets.mint()
  expect(Buffer.from(digestSecret(secret))).toEqual(createHash('sha256').update(secret).digest())
  expect(hintOf(secret)).toBe(secret.slice(35))
})
