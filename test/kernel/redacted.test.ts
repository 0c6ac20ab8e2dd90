// What may be a key is not repeated; what people must be able to read is.
import { expect, it } from 'vitest'
import { redacted } from '../../src/kernel/redacted.ts'
import { createSecrets, DEFAULT_SECRET_FORMATS } from '../../src/keys/secret.ts'

const secret = createSecrets(DEFAULT_SECRET_FORMATS).mint()

it.each([
  ['a key', secret],
  ['a key that lost a character', secret.slice(0, -1)],
  ['a key in lower case', secret.toLowerCase()],
  ['a key of OpenAI', `sk-proj-${'aB3_'.repeat(12)}`],
  ['a digest', '0a1b2c3d'.repeat(8)],
  ['a UUID', '0af76519-16cd-43dd-8448-eb211c80319c'],
])('%s goes, and what stands around it stays', (_, word) => {
  expect(redacted(word)).toBe('[redacted]')
  expect(redacted(`GET /v1/${word}?key=${word}`)).toBe('GET /v1/[redacted]?key=[redacted]')
})

it.each([
  'gpt-4o-mini-search-preview-2025-03-11',
  'anthropic.claude-3-5-sonnet-20241022-v2:0',
  'accounts/fireworks/models/llama4-maverick-instruct-basic',
  'key_0123456789ABCDEFGHIJKL',
  'own_0123456789ABCDEFGHIJKL',
])('%s stays', (name) => {
  expect(redacted(`model ${name} is`)).toBe(`model ${name} is`)
})

it('of millions of characters the beginning is told, and no part of a key at its end', () => {
  for (const piece of ['x', 'a-', 'aB3_', `${secret} `]) {
    const told = redacted(piece.repeat(4_000_000))
    expect(told.length).toBeLessThanOrEqual(8_192)
    expect(told).not.toContain(secret.slice(0, 8))
  }
  expect(redacted(`${' '.repeat(8_192 - 20)}${secret}`)).not.toContain(secret.slice(0, 8))
})
