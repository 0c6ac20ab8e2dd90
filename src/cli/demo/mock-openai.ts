// Answers like OpenAI's API, and Azure's form of it: chat, completions, responses, embeddings and models, whole and streamed.

import type { ChatRequest } from './chat-request.ts'
import { readChatRequest, wordsOf } from './chat-request.ts'
import type { MockAnswer, ReceivedRequest } from './received-request.ts'

export const openaiAnswer = (request: ReceivedRequest): MockAnswer =>
  openaiShaped(request, (chat) => `This is the OpenAI-shaped mock, as ${chat.model}. You said: ${chat.said}`)

/** Shared with every server that speaks OpenAI's language. `reply` is what the model says. */
export const openaiShaped = (request: ReceivedRequest, reply: (chat: ChatRequest) => string): MockAnswer => {
  const asked = request.path.split('?')[0] ?? ''
  const path = asked.replace(AZURE_PREFIX, '/v1/')
  const chat = readChatRequest(request)
  if (request.method === 'GET' && path === '/v1/models')
    return { status: 200, json: { object: 'list', data: [] } }
  const answer = request.method === 'POST' ? ANSWERS[path] : undefined
  if (answer !== undefined) return answer(chat, reply(chat))
  const message = `the mock has nothing at ${request.method} ${asked}`
  return {
    status: 404,
    json: { error: { message, type: 'invalid_request_error', param: null, code: 'not_found' } },
  }
}

/** A deployment's own paths, and the newer ones that have none. */
const AZURE_PREFIX = /^\/openai\/(?:deployments\/[^/]+|v1)\//

const CREATED_S = 1_700_000_000
const ID = 'mock-1'

const chatAnswer = (chat: ChatRequest, text: string): MockAnswer => {
  const head = { id: `chatcmpl-${ID}`, created: CREATED_S, model: chat.model }
  if (!chat.stream) {
    const choice = {
      index: 0,
      message: { role: 'assistant', content: text, refusal: null },
      logprobs: null,
      finish_reason: 'stop',
    }
    return {
      status: 200,
      json: { ...head, object: 'chat.completion', choices: [choice], usage: usageOf(chat, text) },
    }
  }
  const chunk = (delta: unknown, finish: string | null) =>
    data({ ...head, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finish }] })
  return {
    status: 200,
    events: [
      chunk({ role: 'assistant', content: '' }, null),
      ...wordsOf(text).map((content) => chunk({ content }, null)),
      chunk({}, 'stop'),
      data({ ...head, object: 'chat.completion.chunk', choices: [], usage: usageOf(chat, text) }),
      'data: [DONE]\n\n',
    ],
  }
}

const completionAnswer = (chat: ChatRequest, text: string): MockAnswer => {
  const head = { id: `cmpl-${ID}`, object: 'text_completion', created: CREATED_S, model: chat.model }
  const choice = (words: string, finish: string | null) => ({
    index: 0,
    text: words,
    logprobs: null,
    finish_reason: finish,
  })
  if (!chat.stream)
    return { status: 200, json: { ...head, choices: [choice(text, 'stop')], usage: usageOf(chat, text) } }
  const events = wordsOf(text).map((word) => data({ ...head, choices: [choice(word, null)] }))
  return {
    status: 200,
    events: [...events, data({ ...head, choices: [choice('', 'stop')] }), 'data: [DONE]\n\n'],
  }
}

const responseAnswer = (chat: ChatRequest, text: string): MockAnswer => {
  const content = [{ type: 'output_text', text, annotations: [] }]
  const message = { type: 'message', id: `msg-${ID}`, role: 'assistant', status: 'completed', content }
  const head = { id: `resp-${ID}`, object: 'response', created_at: CREATED_S, model: chat.model }
  const completed = { ...head, status: 'completed', output: [message] }
  if (!chat.stream) return { status: 200, json: completed }
  const at = { item_id: message.id, output_index: 0, content_index: 0 }
  const events = [
    { type: 'response.created', response: { ...head, status: 'in_progress', output: [] } },
    {
      type: 'response.output_item.added',
      output_index: 0,
      item: { ...message, status: 'in_progress', content: [] },
    },
    {
      type: 'response.content_part.added',
      ...at,
      part: { type: 'output_text', text: '', annotations: [] },
    },
    ...wordsOf(text).map((delta) => ({ type: 'response.output_text.delta', ...at, delta })),
    { type: 'response.output_text.done', ...at, text },
    { type: 'response.completed', response: completed },
  ]
  return {
    status: 200,
    events: events.map((event, index) => {
      const numbered = { ...event, sequence_number: index }
      return `event: ${event.type}\n${data(numbered)}`
    }),
  }
}

const embeddingAnswer = (chat: ChatRequest): MockAnswer => {
  const entry = { object: 'embedding', index: 0, embedding: [0.25, -0.5, 0.125] }
  return {
    status: 200,
    json: { object: 'list', model: chat.model, data: [entry], usage: { prompt_tokens: 1, total_tokens: 1 } },
  }
}

const ANSWERS: Readonly<Record<string, (chat: ChatRequest, text: string) => MockAnswer>> = {
  '/v1/chat/completions': chatAnswer,
  '/v1/completions': completionAnswer,
  '/v1/responses': responseAnswer,
  '/v1/embeddings': embeddingAnswer,
}

const data = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`

const usageOf = (chat: ChatRequest, text: string) => {
  const prompt = wordsOf(chat.said).length
  const completion = wordsOf(text).length
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion }
}
