// The steps of the demo's story, in their order: the limited key has five requests, and each step knows how many are left.
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { headerLines } from '../src/cli/demo/received-request.ts'
import type { Demo } from '../src/cli/demo/start-demo.ts'
import {
  anthropic,
  chat,
  expectEqual,
  expectError,
  expectText,
  HELLO,
  message,
  openai,
} from './demo-clients.ts'

/** One step of the story. Throws with what was seen instead. */
export type Step = readonly [title: string, run: (demo: Demo) => Promise<void>]

export const CHATS: readonly Step[] = [
  [
    'openai: a chat',
    async (demo) => expectText(await chat(openai(demo, demo.keys.unlimited), 'gpt-4o-mini'), 'OpenAI-shaped'),
  ],
  [
    'openai: a streamed chat',
    async (demo) => {
      const stream = await openai(demo, demo.keys.unlimited).chat.completions.create({
        model: 'gpt-4o-mini',
        messages: HELLO,
        stream: true,
      })
      const words: string[] = []
      for await (const chunk of stream) words.push(chunk.choices[0]?.delta.content ?? '')
      expectText(words.join(''), 'You said: Hello')
    },
  ],
  [
    'anthropic: a chat',
    async (demo) =>
      expectText(await message(anthropic(demo, demo.keys.unlimited), 'claude-haiku-4-5'), 'Anthropic-shaped'),
  ],
  [
    'anthropic: a streamed chat',
    async (demo) => {
      const stream = anthropic(demo, demo.keys.unlimited).messages.stream({
        model: 'claude-haiku-4-5',
        max_tokens: 100,
        messages: HELLO,
      })
      expectText(await stream.finalText(), 'You said: Hello')
    },
  ],
  [
    'openai: the models that a key may use',
    async (demo) => {
      const names: string[] = []
      for await (const { id } of openai(demo, demo.keys.guarded).models.list()) names.push(id)
      expectEqual('the list', names, ['llama-3.1-8b'])
    },
  ],
]

const UNKNOWN_KEY = 'lk_0000000000000000000000000000000000000'

export const ERRORS: readonly Step[] = [
  [
    'openai: 401 is AuthenticationError, asked once',
    (demo) =>
      expectError(demo, OpenAI.AuthenticationError, () => chat(openai(demo, UNKNOWN_KEY), 'gpt-4o-mini')),
  ],
  [
    'openai: 403 is PermissionDeniedError, asked once',
    (demo) =>
      expectError(demo, OpenAI.PermissionDeniedError, () =>
        chat(openai(demo, demo.keys.guarded), 'gpt-4o-mini'),
      ),
  ],
  [
    'openai: the rest of the limit passes, then 429 is RateLimitError, asked once',
    async (demo) => {
      const client = openai(demo, demo.keys.limited)
      for (let left = 3; left > 0; left -= 1) await chat(client, 'gpt-4o-mini')
      await expectError(demo, OpenAI.RateLimitError, () => chat(client, 'gpt-4o-mini'))
    },
  ],
  [
    'anthropic: 401 is AuthenticationError, asked once',
    (demo) =>
      expectError(demo, Anthropic.AuthenticationError, () =>
        message(anthropic(demo, UNKNOWN_KEY), 'claude-haiku-4-5'),
      ),
  ],
  [
    'anthropic: 403 is PermissionDeniedError, asked once',
    (demo) =>
      expectError(demo, Anthropic.PermissionDeniedError, () =>
        message(anthropic(demo, demo.keys.guarded), 'claude-haiku-4-5'),
      ),
  ],
  [
    'anthropic: 429 is RateLimitError, asked once',
    (demo) =>
      expectError(demo, Anthropic.RateLimitError, () =>
        message(anthropic(demo, demo.keys.limited), 'claude-haiku-4-5'),
      ),
  ],
]

export const UPSTREAMS: readonly Step[] = [
  [
    'two models go to two upstreams',
    async (demo) => {
      demo.providers.forget()
      const client = openai(demo, demo.keys.unlimited)
      await chat(client, 'gpt-4o-mini')
      await chat(client, 'llama-3.1-8b')
      expectEqual(
        'who was asked',
        demo.providers.requests().map(({ provider }) => provider),
        ['openai', 'vllm'],
      )
    },
  ],
  [
    'a planted x-latchkey-guardrails does not get through; the upstream sees and runs pii-mask',
    async (demo) => {
      demo.providers.forget()
      const planted = { 'x-latchkey-guardrails': 'none', 'x-latchkey-owner': 'somebody' }
      const text = await chat(
        openai(demo, demo.keys.guarded),
        'llama-3.1-8b',
        'Write to ann@example.com',
        planted,
      )
      const [request] = demo.providers.requests()
      expectEqual('x-latchkey-guardrails', request && headerLines(request, 'x-latchkey-guardrails'), [
        'pii-mask',
      ])
      expectEqual('x-latchkey-owner', request && headerLines(request, 'x-latchkey-owner'), ['acme/search'])
      expectText(text, 'Write to [masked]')
    },
  ],
  [
    'no key of ours ever reached an upstream',
    async (demo) => {
      await message(anthropic(demo, demo.keys.unlimited), 'claude-haiku-4-5')
      const seen = JSON.stringify(demo.providers.requests().map(({ headers }) => headers))
      for (const [name, secret] of Object.entries(demo.keys))
        if (seen.includes(secret)) throw new Error(`key ${name} did`)
    },
  ],
]
