// What the mock model servers need to know of a request: model, stream, and the last thing that was said.
import type { ReceivedRequest } from './received-request.ts'

export type ChatRequest = Readonly<{ model: string; stream: boolean; said: string }>

/** Never throws: a body that is no JSON is an empty request. */
export const readChatRequest = (request: ReceivedRequest): ChatRequest => {
  const body = parse(request.body)
  const model = body['model']
  const messages = body['messages']
  const last: unknown = Array.isArray(messages)
    ? messages.at(-1)
    : { content: body['input'] ?? body['prompt'] }
  return {
    model: typeof model === 'string' ? model : 'unknown',
    stream: body['stream'] === true,
    said: saidIn(last),
  }
}

/** Words with the space that follows them, as a model streams them. */
export const wordsOf = (text: string): string[] => text.match(/\S+\s*/g) ?? []

const parse = (body: Buffer): Record<string, unknown> => {
  try {
    return record(JSON.parse(body.toString('utf8')))
  } catch {
    return {}
  }
}

const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {}

/** The content of a message: a text, or parts of which some are texts. */
const saidIn = (message: unknown): string => {
  const content = record(message)['content']
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  const texts = content.map((part: unknown) => record(part)['text'])
  return texts.filter((text) => typeof text === 'string').join(' ')
}
