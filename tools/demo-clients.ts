// How the demo's story asks and what it expects: the official clients, their errors, and Envoy's own count of requests.
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import type { Demo } from '../src/cli/demo/start-demo.ts'

export const HELLO = [{ role: 'user' as const, content: 'Hello' }]

export const openai = ({ url }: Demo, apiKey: string, traceparent?: string): OpenAI =>
  new OpenAI({
    apiKey,
    baseURL: `${url}/v1`,
    ...(traceparent === undefined ? {} : { defaultHeaders: { traceparent } }),
  })

export const anthropic = ({ url }: Demo, apiKey: string): Anthropic => new Anthropic({ apiKey, baseURL: url })

export const chat = async (
  client: OpenAI,
  model: string,
  content = 'Hello',
  headers: Record<string, string> = {},
): Promise<string> => {
  const answer = await client.chat.completions.create(
    { model, messages: [{ role: 'user', content }] },
    { headers },
  )
  return answer.choices[0]?.message.content ?? ''
}

export const message = async (client: Anthropic, model: string): Promise<string> => {
  const answer = await client.messages.create({ model, max_tokens: 100, messages: HELLO })
  return answer.content.map((block) => (block.type === 'text' ? block.text : '')).join('')
}

export const expectEqual = (what: string, seen: unknown, wanted: unknown): void => {
  if (JSON.stringify(seen) !== JSON.stringify(wanted))
    throw new Error(`${what} is ${JSON.stringify(seen)} and should be ${JSON.stringify(wanted)}`)
}

export const expectText = (text: string, part: string): void => {
  if (!text.includes(part))
    throw new Error(`the answer is ${JSON.stringify(text)} and should hold ${JSON.stringify(part)}`)
}

/** Requests that reached Envoy, by its own count. */
const requestCount = async ({ adminUrl }: Demo): Promise<number> => {
  const stats = await (await fetch(`${adminUrl}/stats?filter=^http.models.downstream_rq_total$`)).text()
  return Number(stats.split(':').at(-1))
}

type ErrorClass = abstract new (...args: never[]) => Error

/** The SDK's own error, after one request: with its default of two retries. */
export const expectError = async (
  demo: Demo,
  wanted: ErrorClass,
  ask: () => Promise<unknown>,
): Promise<void> => {
  const before = await requestCount(demo)
  const error = await ask().then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof wanted)) throw new Error(`threw ${String(error)} and should throw ${wanted.name}`)
  expectEqual('the number of requests', (await requestCount(demo)) - before, 1)
}
