// Everywhere that a key can stand in a request, its right place and every wrong one.
import type { RequestParts } from './check-requests.ts'

export const CREDENTIAL_HEADERS = [
  'authorization',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'sec-websocket-protocol',
] as const

const MODEL_BODY = '{"model":"gpt-4o"}'

/** `secret` is the canary; `open` is a key that may do everything and `ruled` one that may use gpt-4o alone, canaries too. */
export const canaryRequests = (secret: string, open: string, ruled: string): readonly RequestParts[] => [
  ...CREDENTIAL_HEADERS.flatMap((name) => inHeader(name, secret, open)),
  ...[open, ruled].flatMap((key) => besideKey(key, secret)),
  ...besideKey(undefined, secret),
]

const SCHEMES = new Map([
  ['authorization', 'Bearer '],
  ['sec-websocket-protocol', 'realtime, openai-insecure-api-key.'],
])

const inHeader = (name: string, secret: string, other: string): readonly RequestParts[] => {
  const value = (token: string) => `${SCHEMES.get(name) ?? ''}${token}`
  const last = secret.at(-1) === 'a' ? 'b' : 'a'
  const malformed = [
    `${secret.slice(0, -1)}${last}`,
    secret.slice(0, -1),
    `${secret}0`,
    `${secret}${secret}`,
    `sk_${secret.slice(3)}`,
    secret.toLowerCase(),
    secret.toUpperCase(),
    `"${secret}"`,
    ` ${secret}`,
    `${secret}\n`,
    `Basic ${secret}`,
    Buffer.from(secret).toString('base64'),
    secret.replace('_', '%5f'),
    `\ufeff${secret}`,
  ]
  return [
    { headers: [[name, value(secret)]], body: MODEL_BODY },
    { headers: [[name, value(secret)]], body: MODEL_BODY, asMap: true },
    {
      headers: [
        [name, value(secret)],
        ['anthropic-version', '2023-06-01'],
      ],
      path: '/v1/messages',
      body: MODEL_BODY,
    },
    ...malformed.map((token) => ({ headers: [[name, value(token)]] as const, body: MODEL_BODY })),
    {
      headers: [
        [name, value(secret)],
        [name, value(secret)],
      ],
    },
    {
      headers: [
        [name, value(secret)],
        ['x-other-key', secret],
        [name, value(other)],
      ],
      asMap: true,
    },
    {
      headers: [
        [name, value(secret)],
        [name === 'api-key' ? 'x-api-key' : 'api-key', other],
      ],
    },
    { headers: [[name, `${value(secret)},${value(other)}`]] },
  ]
}

/** With the key of somebody, or none, in its right place. */
const besideKey = (key: string | undefined, secret: string): readonly RequestParts[] => {
  const headers = key === undefined ? [] : [['x-api-key', key] as const]
  const body = MODEL_BODY
  return [
    ...[
      `/${secret}`,
      `/v1/${secret}/x`,
      `/v1/chat/completions?key=${secret}`,
      `/v1/models#${secret}`,
      `//${secret}:x@host/`,
      `/v1beta/models/${secret}:generateContent`,
      `/v1beta/models/gpt-4o:generateContent?key=${secret}`,
      `/openai/deployments/${secret}/chat/completions`,
    ].map((path) => ({ headers, path, body })),
    { headers, method: secret, body },
    { headers, method: 'GET', path: `/v1/models/${secret}` },
    { headers, method: 'GET', path: `/v1/realtime?model=${secret}` },
    { headers, method: 'GET', path: `/v1/realtime?model=gpt-4o&${secret}=%` },
    { headers, id: secret, body },
    { headers, body: JSON.stringify({ model: secret, messages: [{ role: 'user', content: secret }] }) },
    { headers, body: JSON.stringify({ model: `${secret}\n` }) },
    { headers, body: JSON.stringify({ model: `gpt-4o,${secret}` }) },
    { headers, body: JSON.stringify({ model: [secret] }) },
    { headers, body: JSON.stringify({ [secret]: secret }) },
    { headers, body: `{"model":"gpt-4o","api_key":"${secret}"` },
    { headers, body: `model=gpt-4o&key=${secret}` },
    { headers, body: `{"model":"gpt-4o","x":"${secret}`, cut: true },
    { headers: [...headers, ['x-model', secret]], body },
    { headers: [...headers, ['content-encoding', secret]], body },
    {
      headers: [
        ...headers,
        ['user-agent', secret],
        ['cookie', `key=${secret}`],
        ['referer', `https://x.example/?key=${secret}`],
        ['x-request-id', secret],
        ['traceparent', secret],
        ['tracestate', `latchkey=${secret}`],
        ['baggage', `key=${secret}`],
        [secret, secret],
      ],
      body,
    },
    { headers, body, contextExtensions: { latchkey_guardrails: secret, [secret]: secret } },
  ]
}
