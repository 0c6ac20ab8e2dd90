// Answers like Anthropic's API: messages, whole and streamed, and counts of tokens.

import type { ChatRequest } from './chat-request.ts'
import { readChatRequest, wordsOf } from './chat-request.ts'
import type { MockAnswer, ReceivedRequest } from './received-request.ts'

export const anthropicAnswer = (request: ReceivedRequest): MockAnswer => {
  const path = request.path.split('?')[0] ?? ''
  if (request.method === 'POST' && path === '/v1/messages/count_tokens')
    return { status: 200, json: { input_tokens: wordsOf(readChatRequest(request).said).length } }
  if (request.method !== 'POST' || path !== '/v1/messages') {
    const error = { type: 'not_found_error', message: `the mock has nothing at ${request.method} ${path}` }
    return { status: 404, json: { type: 'error', error } }
  }
  const chat = readChatRequest(request)
  const text = `This is the Anthropic-shaped mock, as ${chat.model}. You said: ${chat.said}`
  return chat.stream
    ? { status: 200, events: streamed(chat, text) }
    : { status: 200, json: whole(chat, text) }
}

const whole = (chat: ChatRequest, text: string) => ({
  ...envelope(chat),
  content: [{ type: 'text', text }],
  stop_reason: 'end_turn',
  usage: { input_tokens: wordsOf(chat.said).length, output_tokens: wordsOf(text).length },
})

const envelope = (chat: ChatRequest) => ({
  id: 'msg_mock_1',
  type: 'message',
  role: 'assistant',
  model: chat.model,
  content: [],
  stop_reason: null,
  stop_sequence: null,
})

const streamed = (chat: ChatRequest, text: string): string[] => [
  event('message_start', {
    message: { ...envelope(chat), usage: { input_tokens: wordsOf(chat.said).length, output_tokens: 1 } },
  }),
  event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
  ...wordsOf(text).map((word) =>
    event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: word } }),
  ),
  event('content_block_stop', { index: 0 }),
  event('message_delta', {
    delta: { stop_reason: 'end_turn', stop_sequence: null },
    usage: { output_tokens: wordsOf(text).length },
  }),
  event('message_stop', {}),
]

const event = (type: string, members: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`
