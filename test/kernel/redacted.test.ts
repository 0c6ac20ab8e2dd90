// What may be a key is not repeated; what people must be able to read is.
import { expect, it } from 'vitest'
import { alsoRedact, redacted } from '../../src/kernel/redacted.ts'
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

it('a key of LiteLLM goes, though it is short and no format was told', () => {
  const short = `sk-${'aB3_-x9Zq0T'.repeat(2)}`
  expect(short).toHaveLength(25)
  for (const word of [short, short.toUpperCase(), `${short}0`])
    for (const [before, after] of PLACES)
      expect(redacted(before + word + after)).toBe(`${before}[redacted]${after}`)
})

/** What stands before a key and after it. */
const PLACES = [
  ['', ''],
  ['Bearer ', ','],
  ['/v1/x?key=', '&a=b'],
  ['key%3D', ''],
  [String.raw`"a\n`, '"'],
  [String.raw`"\u000a`, '"'],
] as const

it('a short key goes as soon as its format is told, and no format is forgotten for another', () => {
  const one = `acme.key-${'a1-'.repeat(4)}`
  const other = `team_${'Zz9'.repeat(3)}`
  expect(redacted(`${one} ${other}`)).toBe(`${one} ${other}`)
  alsoRedact([{ prefix: 'acme.key-', length: one.length }])
  alsoRedact([{ prefix: 'team_', length: other.length }])
  expect(redacted(`${one} ${other}`)).toBe('[redacted] [redacted]')
  expect(redacted(`${one}more ${other}more`)).toBe('[redacted] [redacted]')
  // Too short for a key, another beginning, and a dot that stands for a dot alone.
  for (const word of [one.slice(0, -1), `x${other}`, one.replace('.', '_')]) expect(redacted(word)).toBe(word)
})

it.each([
  'gpt-4o-mini',
  'claude-3-5-sonnet-20241022',
  'risk-assessment-small-2026',
  'disk-usage-of-the-machine-1',
  'sk-small',
])('%s stays beside formats of short keys', (name) => {
  alsoRedact([
    { prefix: 'sk-', length: 25 },
    { prefix: 'gpt_', length: 12 },
  ])
  expect(redacted(`model ${name} is`)).toBe(`model ${name} is`)
})
