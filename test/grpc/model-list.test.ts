// The models that a key may use are listed in the shape that each provider's SDK parses.
import { expect, test } from 'vitest'
import type { ClientShape } from '../../src/check/decision.ts'
import { modelListBody } from '../../src/grpc/model-list.ts'

const parsed = (shape: ClientShape, models: readonly string[], one?: true): unknown =>
  JSON.parse(modelListBody(shape, one === undefined ? { models } : { models, one }))

const OPENAI = { id: 'a', object: 'model', created: 0, owned_by: 'latchkey' }
const ANTHROPIC = { type: 'model', id: 'a', display_name: 'a', created_at: '1970-01-01T00:00:00Z' }
const GOOGLE = {
  name: 'models/a',
  displayName: 'a',
  supportedGenerationMethods: ['generateContent', 'countTokens', 'embedContent'],
}

test('a list', () => {
  expect(parsed('openai', ['a'])).toEqual({ object: 'list', data: [OPENAI] })
  expect(parsed('anthropic', ['a'])).toEqual({
    data: [ANTHROPIC],
    has_more: false,
    first_id: 'a',
    last_id: 'a',
  })
  expect(parsed('google', ['a'])).toEqual({ models: [GOOGLE] })
})

test('an empty list', () => {
  expect(parsed('openai', [])).toEqual({ object: 'list', data: [] })
  expect(parsed('anthropic', [])).toEqual({ data: [], has_more: false, first_id: null, last_id: null })
  expect(parsed('google', [])).toEqual({ models: [] })
})

test('one model', () => {
  expect(parsed('openai', ['a'], true)).toEqual(OPENAI)
  expect(parsed('anthropic', ['a'], true)).toEqual(ANTHROPIC)
  expect(parsed('google', ['a'], true)).toEqual(GOOGLE)
})
