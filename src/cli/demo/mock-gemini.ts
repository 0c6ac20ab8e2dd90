// Answers like Google's Gemini API: content, whole and streamed, counts of tokens, embeddings and models.
import { wordsOf } from './chat-request.ts'
import type { MockAnswer, ReceivedRequest } from './received-request.ts'

/** The model and what is done with it stand in the path. */
export const geminiAnswer = (request: ReceivedRequest): MockAnswer => {
  const path = request.path.split('?')[0] ?? ''
  if (request.method === 'GET' && MODELS_PATH.test(path)) return { status: 200, json: { models: [] } }
  const [, model, method = ''] = METHOD_PATH.exec(path) ?? []
  const answer = request.method === 'POST' ? ANSWERS[method] : undefined
  if (model !== undefined && answer !== undefined) return answer(model, saidIn(request.body))
  const message = `the mock has nothing at ${request.method} ${path}`
  return { status: 404, json: { error: { code: 404, message, status: 'NOT_FOUND' } } }
}

const MODELS_PATH = /^\/v1(?:beta|alpha)?\/models$/
const METHOD_PATH = /^\/v1(?:beta|alpha)?\/models\/([^/:]+):([A-Za-z]+)$/

const textOf = (model: string, said: string): string =>
  `This is the Gemini-shaped mock, as ${model}. You said: ${said}`

const contentAnswer = (model: string, said: string): MockAnswer => ({
  status: 200,
  json: contentOf({ model, said, text: textOf(model, said), finish: 'STOP' }),
})

/** One event a word, and no end mark: the stream is over when it ends. */
const streamAnswer = (model: string, said: string): MockAnswer => {
  const words = wordsOf(textOf(model, said))
  return {
    status: 200,
    events: words.map((text, index) => {
      const finish = index === words.length - 1 ? 'STOP' : undefined
      return `data: ${JSON.stringify(contentOf({ model, said, text, finish }))}\r\n\r\n`
    }),
  }
}

type Content = Readonly<{ model: string; said: string; text: string; finish: string | undefined }>

const contentOf = ({ model, said, text, finish }: Content) => {
  const promptTokenCount = wordsOf(said).length
  const candidatesTokenCount = wordsOf(text).length
  return {
    candidates: [{ content: { role: 'model', parts: [{ text }] }, index: 0, finishReason: finish }],
    usageMetadata: {
      promptTokenCount,
      candidatesTokenCount,
      totalTokenCount: promptTokenCount + candidatesTokenCount,
    },
    modelVersion: model,
    responseId: 'mock-1',
  }
}

const VALUES = [0.25, -0.5, 0.125]

const ANSWERS: Readonly<Record<string, (model: string, said: string) => MockAnswer>> = {
  generateContent: contentAnswer,
  streamGenerateContent: streamAnswer,
  countTokens: (_, said) => ({ status: 200, json: { totalTokens: wordsOf(said).length } }),
  embedContent: () => ({ status: 200, json: { embedding: { values: VALUES } } }),
  batchEmbedContents: () => ({ status: 200, json: { embeddings: [{ values: VALUES }] } }),
}

/** The last `text` of the body, which is the last thing that was said. */
const saidIn = (body: Buffer): string => {
  let said = ''
  try {
    JSON.parse(body.toString('utf8'), (name, value: unknown) => {
      if (name === 'text' && typeof value === 'string') said = value
    })
  } catch {
    // A body that is no JSON says nothing.
  }
  return said
}
