// What the demo prints for people: the keys, what to paste, and where to look.
import { DEMO_GUARDRAIL, DEMO_LIMIT, DEMO_OWNER } from './seed.ts'
import type { Demo } from './start-demo.ts'

export const whatToPaste = (demo: Demo): string[] => [
  '',
  `Three keys of ${DEMO_OWNER}`,
  `  unlimited  ${demo.keys.unlimited}  every model`,
  `  limited    ${demo.keys.limited}  every model, ${DEMO_LIMIT.amount} ${DEMO_LIMIT.unit} a ${DEMO_LIMIT.period}`,
  `  guarded    ${demo.keys.guarded}  llama-* only, and guardrail ${DEMO_GUARDRAIL} must run`,
  '',
  'Paste into another terminal',
  ...section('a chat; the model decides which upstream gets it', [
    chat(demo, demo.keys.unlimited, 'gpt-4o-mini', 'Hello'),
    chat(demo, demo.keys.unlimited, 'llama-3.1-8b', 'Hello'),
  ]),
  ...section("Anthropic's API, streamed", [anthropicChat(demo)]),
  ...section('a key that may not: 403, in the words that an SDK understands', [
    chat(demo, demo.keys.guarded, 'gpt-4o-mini', 'Hello'),
  ]),
  ...section('a guardrail that must run, whatever the client plants: the upstream masks the address', [
    chat(demo, demo.keys.guarded, 'llama-3.1-8b', 'Write to ann@example.com', [
      'x-latchkey-guardrails: none',
    ]),
  ]),
  ...section('the limit spent, then once more: 429, and when it resets', [
    `for i in $(seq ${DEMO_LIMIT.amount}); do ${chat(demo, demo.keys.limited, 'gpt-4o-mini', 'Hello')} -o /dev/null; done`,
    `${chat(demo, demo.keys.limited, 'gpt-4o-mini', 'Hello')} -i`,
  ]),
  ...section('the models that this key may use, answered by Latchkey itself', [
    `curl -s ${demo.url}/v1/models -H 'authorization: Bearer ${demo.keys.guarded}'`,
  ]),
  '',
  'Where to look',
  `  traces      below, one tree for each request`,
  `  metrics     curl -s ${demo.metricsUrl}`,
  `  decisions   tail -f ${demo.latchkeyLog}`,
  `  access log  tail -f ${demo.accessLog}`,
  `  Envoy       ${demo.adminUrl}`,
  '',
  'Ctrl-C stops it and leaves nothing behind.',
  '',
]

const section = (title: string, commands: readonly string[]): string[] => [
  '',
  `  # ${title}`,
  ...commands.map((line) => `  ${line}`),
]

const chat = (
  demo: Demo,
  secret: string,
  model: string,
  content: string,
  headers: readonly string[] = [],
): string =>
  [
    `curl -s ${demo.url}/v1/chat/completions -H 'authorization: Bearer ${secret}'`,
    ...headers.map((header) => `-H '${header}'`),
    `-d '${JSON.stringify({ model, messages: [{ role: 'user', content }] })}'`,
  ].join(' ')

const anthropicChat = (demo: Demo): string => {
  const body = {
    model: 'claude-haiku-4-5',
    max_tokens: 100,
    stream: true,
    messages: [{ role: 'user', content: 'Hello' }],
  }
  const headers = `-H 'x-api-key: ${demo.keys.unlimited}' -H 'anthropic-version: 2023-06-01'`
  return `curl -sN ${demo.url}/v1/messages ${headers} -d '${JSON.stringify(body)}'`
}
