// A refusal is answered in the shape that the caller's SDK parses.
import { expect, it } from 'vitest'
import { clientShapeOf } from '../../src/check/client-shape.ts'
import { aRequest } from '../support/auth-requests.ts'

const GOOGLE = { 'x-goog-api-key': 'lk_x' }
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
  ['/v1/files?beta=true', ANTHROPIC, 'anthropic'],
  ['/v1/files/file_1/content', ANTHROPIC, 'anthropic'],
  ['/v1/files', {}, 'openai'],
  ['/v1/files_of_another_api', ANTHROPIC, 'openai'],
  ['/v1/chat/completions', ANTHROPIC, 'openai'],
  ['/v1beta/models/gemini-2.5-pro:generateContent', {}, 'google'],
  ['/v1alpha/models', {}, 'google'],
  ['/v1beta/models?pageSize=5', ANTHROPIC, 'google'],
  ['/upload/v1beta/files', {}, 'google'],
  ['/upload/v1/files', {}, 'google'],
  ['/v1/files?pageSize=5', GOOGLE, 'google'],
  ['/v1/cachedContents/c', GOOGLE, 'google'],
  ['/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent', {}, 'google'],
  ['/v1beta/openai/chat/completions', GOOGLE, 'openai'],
  ['/v1/models', GOOGLE, 'google'],
  ['/v1/models/gemini-2.5-pro:generateContent', { 'x-goog-api-client': 'genai' }, 'google'],
  ['/v1/chat/completions', GOOGLE, 'openai'],
  ['/openai/deployments/my-gpt/chat/completions', {}, 'openai'],
  ['/v1/realtime?model=gpt-realtime', {}, 'openai'],
  ['//v1/messages', {}, 'openai'],
  ['/v1/MESSAGES', {}, 'openai'],
  ['?/v1/messages', {}, 'openai'],
  ['', {}, 'openai'],
] as const)('%s with %j is answered to %s', (path, headers, shape) => {
  expect(clientShapeOf(aRequest({ path, headers }))).toBe(shape)
})
