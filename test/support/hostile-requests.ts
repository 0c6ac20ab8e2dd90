// At least 80 requests that somebody would try, with the one right answer to each and what it may cost the store.
import { gzipSync } from 'node:zlib'

export type HostileRequest = Readonly<{
  name: string
  method?: string
  path?: string
  /** Lines in order; a Buffer becomes raw bytes. */
  headers: readonly (readonly [string, string | Buffer])[]
  body?: string | Buffer
  /** `x-envoy-auth-partial-body: true`, as Envoy adds it when it cut. */
  cut?: boolean
  answer: 'allow' | `${number} ${string}`
  /** Look-ups on a cold cache; nothing here is ever charged. */
  reads: 0 | 1
}>

/** `open` has no rules; `ruled` may use gpt-4o; `revoked`, `disabled` and `expired` are what they say; `unknown` was never stored. */
export type HostileSecrets = Readonly<
  Record<'open' | 'ruled' | 'revoked' | 'disabled' | 'expired' | 'unknown', string>
>

export const hostileRequests = (secret: HostileSecrets): readonly HostileRequest[] => [
  ...credentialForms(secret),
  ...credentialPlaces(secret),
  ...pathsAndMethods(secret),
  ...bodies(secret),
]

const invalid = '401 invalid_key'
const ambiguous = '401 ambiguous_key'
const malformed = '400 request_malformed'

const bearer = (
  name: string,
  token: string | Buffer,
  answer: HostileRequest['answer'] = invalid,
  reads: 0 | 1 = 0,
): HostileRequest => ({
  name,
  headers: [
    [
      'authorization',
      typeof token === 'string' ? `Bearer ${token}` : Buffer.concat([Buffer.from('Bearer '), token]),
    ],
  ],
  answer,
  reads,
})

const credentialForms = ({ open, revoked, disabled, expired, unknown }: HostileSecrets): HostileRequest[] => [
  bearer('a token of the right form that nobody has', unknown, invalid, 1),
  bearer('a revoked key is told what an unknown one is', revoked, invalid, 1),
  bearer('a disabled key', disabled, '403 key_disabled', 1),
  bearer('an expired key', expired, '401 key_expired', 1),
  bearer('the last character changed', `${open.slice(0, -1)}${open.endsWith('a') ? 'b' : 'a'}`),
  bearer('the last character lost', open.slice(0, -1)),
  bearer('one character more', `${open}0`),
  bearer('two of them in a row', `${open}${open}`),
  bearer('upper case', open.toUpperCase()),
  bearer('lower case', `lk_${open.slice(3).toLowerCase()}X`.slice(0, 39)),
  bearer('only the prefix', 'lk_'),
  bearer('another prefix', `sk_${open.slice(3)}`),
  bearer('a look-alike letter: Cyrillic к in the prefix', Buffer.from(`l\u043a_${open.slice(3)}`)),
  bearer(
    'a look-alike letter: Greek omicron inside',
    Buffer.from(`${open.slice(0, 10)}\u03bf${open.slice(11)}`),
  ),
  bearer('full-width letters', Buffer.from(`\uff4c\uff4b\uff3f${open.slice(3)}`)),
  bearer('a zero-width space inside', Buffer.from(`${open.slice(0, 10)}\u200b${open.slice(10)}`)),
  bearer('a byte order mark in front', Buffer.from(`\ufeff${open}`)),
  bearer('bytes that are no UTF-8', Buffer.from([0xff, 0xfe, 0xc0, 0x80])),
  bearer('a NUL at the end', Buffer.from(`${open}\0`)),
  bearer('a NUL inside', Buffer.from(`${open.slice(0, 20)}\0${open.slice(20)}`)),
  bearer('a line break at the end', Buffer.from(`${open}\r\n`)),
  bearer('a line break and a header of ours', Buffer.from(`${open}\r\nx-latchkey-guardrails: none`)),
  bearer('a bare line feed', Buffer.from(`${open}\n`)),
  bearer('a tab at the end', `${open}\t`),
  bearer('64 KiB of a', 'a'.repeat(65_536)),
  bearer('64 KiB that begin like a key', `${open}${'a'.repeat(65_536)}`),
  bearer('SQL in the token', "' OR '1'='1"),
  bearer('SQL without spaces', "lk_'/**/OR/**/1=1--"),
  bearer('SQL that comments the rest away', `${open}'--`),
  bearer('SQL of a union', "x'UNION/**/SELECT/**/hash/**/FROM/**/key_secret--"),
  bearer('a wild card', 'lk_%'),
  bearer('percent-encoded', open.replace('_', '%5f')),
  bearer('base64 of a key', Buffer.from(open).toString('base64')),
  bearer('in quotes', `"${open}"`),
  bearer('in angle brackets', `<${open}>`),
  bearer('a JSON object', '{"$ne":null}'),
  bearer('a template', '${jndi:ldap://127.0.0.1/x}'),
  bearer('a path', '../../etc/passwd'),
  bearer('nothing behind the scheme', ''),
  bearer('the word null', 'null'),
  bearer('the word undefined', 'undefined'),
  bearer('a JWT', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.'),
  bearer('padding behind', `${open}==`),
  bearer('two tokens', `${open} ${open}`),
  bearer('a comma behind', `${open},`, ambiguous),
  bearer('a semicolon behind', `${open};`),
]

const credentialPlaces = ({ open, ruled }: HostileSecrets): HostileRequest[] => [
  { name: 'no header at all', headers: [], answer: '401 missing_key', reads: 0 },
  {
    name: 'a header nobody configured',
    headers: [['x-latchkey-key', open]],
    answer: '401 missing_key',
    reads: 0,
  },
  { name: 'a cookie', headers: [['cookie', `key=${open}`]], answer: '401 missing_key', reads: 0 },
  {
    name: 'the query string',
    path: `/v1/chat/completions?key=${'x'.repeat(39)}`,
    headers: [],
    answer: '401 missing_key',
    reads: 0,
  },
  {
    name: 'Proxy-Authorization',
    headers: [['proxy-authorization', `Bearer ${open}`]],
    answer: '401 missing_key',
    reads: 0,
  },
  {
    name: 'two authorization lines',
    headers: [
      ['authorization', `Bearer ${open}`],
      ['authorization', `Bearer ${ruled}`],
    ],
    answer: ambiguous,
    reads: 0,
  },
  {
    name: 'the same line twice',
    headers: [
      ['authorization', `Bearer ${open}`],
      ['authorization', `Bearer ${open}`],
    ],
    answer: ambiguous,
    reads: 0,
  },
  {
    name: 'two lines in different case',
    headers: [
      ['Authorization', `Bearer ${open}`],
      ['authorization', `Bearer ${ruled}`],
    ],
    answer: ambiguous,
    reads: 0,
  },
  {
    name: 'two secrets in two headers',
    headers: [
      ['authorization', `Bearer ${open}`],
      ['x-api-key', ruled],
    ],
    answer: ambiguous,
    reads: 0,
  },
  { name: 'two secrets joined', headers: [['x-api-key', `${open},${ruled}`]], answer: ambiguous, reads: 0 },
  {
    name: 'two secrets joined with a space behind the comma',
    headers: [['x-api-key', `${open}, ${ruled}`]],
    answer: ambiguous,
    reads: 0,
  },
  {
    name: 'a good key and a provider key',
    headers: [
      ['x-api-key', open],
      ['authorization', 'Bearer sk-proj-abcdefghijklmnop'],
    ],
    answer: ambiguous,
    reads: 0,
  },
  {
    name: 'a good key and an empty one',
    headers: [
      ['x-api-key', open],
      ['api-key', ''],
    ],
    answer: invalid,
    reads: 0,
  },
  {
    name: 'a good key and Basic beside it',
    headers: [
      ['x-api-key', open],
      ['authorization', 'Basic dXNlcjpwYXNz'],
    ],
    answer: invalid,
    reads: 0,
  },
  {
    name: 'Basic',
    headers: [['authorization', `Basic ${Buffer.from(`:${open}`).toString('base64')}`]],
    answer: invalid,
    reads: 0,
  },
  { name: 'Digest', headers: [['authorization', 'Digest username="x"']], answer: invalid, reads: 0 },
  { name: 'no scheme', headers: [['authorization', open]], answer: invalid, reads: 0 },
  {
    name: 'a scheme that only begins like Bearer',
    headers: [['authorization', `BearerX ${open}`]],
    answer: invalid,
    reads: 0,
  },
  { name: 'two schemes', headers: [['authorization', `Bearer Bearer ${open}`]], answer: invalid, reads: 0 },
  {
    name: 'a tab behind the scheme',
    headers: [['authorization', `Bearer\t${open}`]],
    answer: invalid,
    reads: 0,
  },
  {
    name: 'two spaces behind the scheme',
    headers: [['authorization', `Bearer  ${open}`]],
    answer: invalid,
    reads: 0,
  },
  {
    name: 'a space before the scheme',
    headers: [['authorization', ` Bearer ${open}`]],
    answer: invalid,
    reads: 0,
  },
  { name: 'a scheme in x-api-key', headers: [['x-api-key', `Bearer ${open}`]], answer: invalid, reads: 0 },
  { name: 'spaces around x-api-key', headers: [['x-api-key', ` ${open}`]], answer: invalid, reads: 0 },
]

const pathsAndMethods = ({ ruled }: HostileSecrets): HostileRequest[] => {
  const body = '{"model":"gpt-4o"}'
  const asks = (name: string, method: string, path: string): HostileRequest => ({
    name,
    method,
    path,
    headers: [['x-api-key', ruled]],
    body,
    answer: '403 path_not_allowed',
    reads: 1,
  })
  const session = (name: string, query: string, answer: HostileRequest['answer']): HostileRequest => ({
    ...asks(name, 'GET', `/v1/realtime${query}`),
    body: '',
    answer,
  })
  return [
    ...asksOfModelPaths(ruled),
    session('a session with the model', '?model=gpt-4o', 'allow'),
    session('a session with another', '?model=o3', '403 model_not_allowed'),
    session('a session with none', '', '400 model_required'),
    session('a session with two', '?model=gpt-4o&model=o3', malformed),
    session('a session with one twice', '?model=gpt-4o&model=gpt-4o', malformed),
    session('a session whose second model is escaped', '?model=gpt-4o&mode%6c=o3', malformed),
    session('a session whose second model is a list', '?model=gpt-4o&model[]=o3', malformed),
    session('a session whose second model hides behind a semicolon', '?model=gpt-4o&x=1;model=o3', malformed),
    session('a session whose model is escaped', '?model=gpt%2d4o', malformed),
    session('a session in another case', '?MODEL=gpt-4o', malformed),
    session('a session behind a fragment', '?x=1#&model=gpt-4o', malformed),
    asks('//admin is a path', 'POST', '//admin'),
    asks('a doubled slash', 'POST', '//v1/chat/completions'),
    asks('a host before the path', 'POST', 'http://example.com/v1/chat/completions'),
    asks('dots to climb', 'POST', '/v1/chat/completions/../../admin'),
    asks('dots that end where it is allowed', 'POST', '/x/../v1/chat/completions'),
    asks('percent-encoded letters', 'POST', '/v1/chat/completion%73'),
    asks('a percent-encoded slash', 'POST', '/v1%2fchat/completions'),
    asks('a trailing slash', 'POST', '/v1/chat/completions/'),
    asks('a path in upper case', 'POST', '/V1/chat/completions'),
    asks('a fragment', 'POST', '/v1/chat/completions#x'),
    asks('a path parameter', 'POST', '/v1/chat/completions;x=1'),
    asks('a NUL', 'POST', '/v1/chat/completions\0'),
    asks('a backslash', 'POST', '\\v1\\chat\\completions'),
    asks('an empty path', 'POST', ''),
    asks('a method that may not carry a model', 'GET', '/v1/chat/completions'),
    asks('a method in lower case', 'post', '/v1/chat/completions'),
    asks('a method nobody knows', 'PROPFIND', '/v1/chat/completions'),
    asks('a model’s deletion', 'DELETE', '/v1/models/gpt-4o'),
    asks('files', 'POST', '/v1/files'),
    asks('a listing by POST', 'POST', '/v1/models'),
  ]
}

/** The body names gpt-4o throughout, which the key may use. */
const asksOfModelPaths = (ruled: string): HostileRequest[] => {
  const asks = (name: string, path: string, answer: HostileRequest['answer']): HostileRequest => ({
    name,
    path,
    headers: [['x-goog-api-key', ruled]],
    body: '{"model":"gpt-4o"}',
    answer,
    reads: 1,
  })
  const noPath = '403 path_not_allowed'
  const gemini = (model: string) => `/v1beta/models/${model}:generateContent`
  const azure = (model: string) => `/openai/deployments/${model}/chat/completions`
  return [gemini, azure].flatMap((path, at) => {
    const of = at === 0 ? 'a path of Gemini’s' : 'a path of Azure’s'
    return [
      asks(`${of} with the model`, path('gpt-4o'), 'allow'),
      asks(`${of} with another than the body`, path('o3'), '400 model_conflict'),
      asks(`${of} with the model in another case`, path('GPT-4o'), '400 model_conflict'),
      asks(`${of} that climbs to another`, path('gpt-4o/../o3'), noPath),
      asks(`${of} that climbs in escapes`, path('gpt-4o%2f%2e%2e%2fo3'), noPath),
      asks(`${of} with an escape`, path('gpt%2d4o'), noPath),
      asks(`${of} with a doubled slash`, path('/gpt-4o'), noPath),
      asks(`${of} with a path parameter`, path('gpt-4o;x=o3'), noPath),
      asks(`${of} with a segment more`, path('o3/gpt-4o'), noPath),
      asks(`${of} without a model`, path(''), noPath),
      asks(`${of} with the wild card`, path('*'), noPath),
      asks(`${of} with a slash behind`, `${path('gpt-4o')}/`, noPath),
      asks(`${of} with a fragment`, `${path('gpt-4o')}#o3`, noPath),
      asks(
        `${of} in another case`,
        path('gpt-4o').replace('models', 'Models').replace('openai', 'OpenAI'),
        noPath,
      ),
      asks(`${of} behind a host`, `http://x.example${path('gpt-4o')}`, noPath),
    ]
  })
}

const bodies = ({ ruled }: HostileSecrets): HostileRequest[] => {
  const sends = (
    name: string,
    body: string | Buffer,
    answer: HostileRequest['answer'],
    more: Partial<HostileRequest> = {},
  ): HostileRequest => ({
    name,
    headers: [['x-api-key', ruled]],
    body,
    answer,
    reads: 1,
    ...more,
  })
  const padding = 'x'.repeat(1_100_000)
  return [
    sends('the model behind 1 MiB', `{"x":"${padding}","model":"gpt-4o"}`, 'allow'),
    sends('a forbidden model behind 1 MiB', `{"x":"${padding}","model":"o3"}`, '403 model_not_allowed'),
    sends('a body that Envoy cut', `{"model":"gpt-4o","x":"${padding}`, '413 body_too_large', { cut: true }),
    sends('a body shorter than it says', '{"model":"gpt-4o"}', '413 body_too_large', {
      headers: [
        ['x-api-key', ruled],
        ['content-length', '2000000'],
      ],
    }),
    sends('a good model, then a forbidden one', '{"model":"gpt-4o","model":"o3"}', malformed),
    sends('a forbidden model, then a good one', '{"model":"o3","model":"gpt-4o"}', malformed),
    sends('the second key escaped', '{"model":"gpt-4o","\\u006dodel":"o3"}', malformed),
    sends('the second key in upper case', '{"model":"gpt-4o","MODEL":"o3"}', malformed),
    sends('only a key in upper case', '{"Model":"gpt-4o"}', malformed),
    sends('the model one level down', '{"x":{"model":"gpt-4o"}}', '400 model_required'),
    sends('no model', '{"messages":[]}', '400 model_required'),
    sends('no body', '', '400 model_required'),
    sends('a model that is a list', '{"model":["gpt-4o"]}', malformed),
    sends('a model that is a number', '{"model":4}', malformed),
    sends('a model with a trailing space', '{"model":"gpt-4o "}', malformed),
    sends('a model with a NUL', '{"model":"gpt-4o\\u0000"}', malformed),
    sends('a model with a line break', '{"model":"gpt-4o\\r\\nx-latchkey-route: x"}', malformed),
    sends('two models in one string', '{"model":"gpt-4o,o3"}', malformed),
    sends('a model in look-alike letters', '{"model":"gpt-4о"}', malformed),
    sends('a model in another case', '{"model":"GPT-4o"}', '403 model_not_allowed'),
    sends('the glob itself', '{"model":"*"}', '403 model_not_allowed'),
    sends('a model that only begins right', '{"model":"gpt-4o-mini"}', '403 model_not_allowed'),
    sends('a list of documents', '[{"model":"gpt-4o"}]', malformed),
    sends('two documents', '{"model":"gpt-4o"}{"model":"o3"}', malformed),
    sends('comments', '{"model":"gpt-4o"/*,"model":"o3"*/}', malformed),
    sends('single quotes', "{'model':'gpt-4o'}", malformed),
    sends('a form', 'model=gpt-4o', malformed),
    sends('a byte order mark', '\ufeff{"model":"gpt-4o"}', malformed),
    sends('UTF-16', Buffer.from('{"model":"gpt-4o"}', 'utf16le'), malformed),
    sends('a gzip body', gzipSync('{"model":"gpt-4o"}'), malformed, {
      headers: [
        ['x-api-key', ruled],
        ['content-encoding', 'gzip'],
      ],
    }),
    sends('a gzip body that does not say so', gzipSync('{"model":"gpt-4o"}'), malformed),
    sends('plain JSON that says gzip', '{"model":"gpt-4o"}', malformed, {
      headers: [
        ['x-api-key', ruled],
        ['content-encoding', 'gzip'],
      ],
    }),
    sends('__proto__', '{"__proto__":{"model":"gpt-4o"}}', '400 model_required'),
  ]
}
