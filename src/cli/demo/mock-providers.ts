// Four model servers that cost nothing: OpenAI-shaped, Anthropic-shaped, Gemini-shaped, and vLLM-shaped with guardrails of its own.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { listenOn } from './listen.ts'
import { anthropicAnswer } from './mock-anthropic.ts'
import { geminiAnswer } from './mock-gemini.ts'
import { openaiAnswer } from './mock-openai.ts'
import { vllmAnswer } from './mock-vllm.ts'
import type { MockAnswer, ProviderName, ReceivedRequest } from './received-request.ts'

export type MockProviders = Readonly<{
  ports: Readonly<Record<ProviderName, number>>
  /** The last thousand, oldest first. */
  requests(): readonly ReceivedRequest[]
  forget(): void
  close(): Promise<void>
}>

export type MockProvidersOptions = Readonly<{
  ports?: Partial<Record<ProviderName, number>>
  /** Pause between streamed words, so that a person sees them stream. */
  wordDelayMs?: number
}>

const MAX_REQUESTS = 1_000

export const startMockProviders = async (options: MockProvidersOptions = {}): Promise<MockProviders> => {
  const received: ReceivedRequest[] = []
  const start = (provider: ProviderName, answer: (request: ReceivedRequest) => MockAnswer) => {
    const server = createServer((incoming, response) => {
      receive(provider, incoming)
        .then((request) => {
          received.push(request)
          if (received.length > MAX_REQUESTS) received.shift()
          return send(response, answer(request), options.wordDelayMs ?? 0)
        })
        // The client left in the middle: there is nobody to answer.
        .catch(() => response.destroy())
    })
    return listenOn(server, options.ports?.[provider])
  }
  const openai = await start('openai', openaiAnswer)
  const anthropic = await start('anthropic', anthropicAnswer)
  const gemini = await start('gemini', geminiAnswer)
  const vllm = await start('vllm', vllmAnswer)
  const servers = [openai, anthropic, gemini, vllm]
  return {
    ports: { openai: openai.port, anthropic: anthropic.port, gemini: gemini.port, vllm: vllm.port },
    requests: () => received,
    forget: () => void received.splice(0),
    close: async () => void (await Promise.all(servers.map((server) => server.close()))),
  }
}

const receive = async (provider: ProviderName, incoming: IncomingMessage): Promise<ReceivedRequest> => {
  const headers: [string, string][] = []
  for (let index = 0; index + 1 < incoming.rawHeaders.length; index += 2)
    headers.push([incoming.rawHeaders[index] ?? '', incoming.rawHeaders[index + 1] ?? ''])
  const body = await buffer(incoming)
  return { provider, method: incoming.method ?? '', path: incoming.url ?? '', headers, body }
}

const send = async (response: ServerResponse, answer: MockAnswer, wordDelayMs: number): Promise<void> => {
  const type = answer.events === undefined ? 'application/json' : 'text/event-stream'
  response.writeHead(answer.status, { 'content-type': type, ...answer.headers })
  for (const event of answer.events ?? []) {
    response.write(event)
    if (wordDelayMs > 0) await delay(wordDelayMs)
  }
  response.end(answer.json === undefined ? '' : `${JSON.stringify(answer.json)}\n`)
}
