// A refusal is answered in the shape that the caller's SDK parses.
import { expect, it } from 'vitest'
import { clientShapeOf } from '../../src/check/client-shape.ts'
import { aRequest } from '../support/auth-requests.ts'

const ANTHROPIC = { 'anthropic-version': '2023-06-01' }

it.each([
  ['/v1/messages', {}, 'anthropic'],
  ['/v1/messages?beta=true', {}, 'anthropic'],
  ['/v1/messages/count_tokens', {}, 'anthropic'],
  ['/v1/messages_of_another_api', {}, 'openai'],
  ['/v1/models', {}, 'openai'],
  ['/v1/models', ANTHROPIC, 'anthropic'],
  ['/v1/models/claude', ANTHROPIC, 'anthropic'],
  ['/v1/models?limit=5', ANTHROPIC, 'anthropic'],
  ['/v1/chat/completions', ANTHROPIC, 'openai'],
  ['//v1/messages', {}, 'openai'],
  ['/v1/MESSAGES', {}, 'openai'],
  ['?/v1/messages', {}, 'openai'],
  ['', {}, 'openai'],
] as const)('%s with %j is answered to %s', (path, headers, shape) => {
  expect(clientShapeOf(aRequest({ path, headers }))).toBe(shape)
})
