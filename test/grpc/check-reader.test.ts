// What Envoy tells about a request reaches the decision once, normalised, in either form.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RequestHeaders } from '../../src/check/auth-request.ts'
import { readCheckRequest } from '../../src/grpc/check-reader.ts'
import { AttributeContext_Request } from '../../src/grpc/gen/envoy/service/auth/v3/attribute_context.ts'
import { CheckRequest } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import type { RequestParts } from '../support/check-requests.ts'
import { aCheckRequest } from '../support/check-requests.ts'

/** Over the wire, as it really arrives. */
const read = (request: CheckRequest) => readCheckRequest(Buffer.from(CheckRequest.encode(request).finish()))

const readParts = (parts: RequestParts) => {
  const request = read(aCheckRequest(parts))
  if (request === undefined) throw new Error('not HTTP')
  return request
}

const linesOf = (headers: RequestHeaders, names: readonly string[]) => names.map((name) => headers.get(name))

const http = (request: Parameters<typeof AttributeContext_Request.fromPartial>[0]) =>
  read({
    attributes: {
      source: undefined,
      request: AttributeContext_Request.fromPartial(request),
      contextExtensions: new Map(),
    },
  })

describe('the source', () => {
  it('is the address of the connection that Envoy tells, and empty when it tells none', () => {
    expect(readParts({ source: '2001:db8::1' }).source).toBe('2001:db8::1')
    expect(readParts({}).source).toBe('')
  })
})

describe('headers', () => {
  it('keep each line of header_map, in order, under the lower-case name', () => {
    const { headers } = readParts({
      headers: [
        ['X-Api-Key', 'one'],
        ['accept', '*/*'],
        ['x-api-key', 'two'],
      ],
    })
    expect(linesOf(headers, ['x-api-key', 'accept', 'X-Api-Key', 'x-api', ''])).toEqual([
      ['one', 'two'],
      ['*/*'],
      undefined,
      undefined,
      undefined,
    ])
  })

  it('come from the map when header_map is empty', () => {
    const { headers } = readParts({
      asMap: true,
      headers: [
        ['authorization', 'Bearer a'],
        ['authorization', 'Bearer b'],
      ],
    })
    expect(headers.get('authorization')).toEqual(['Bearer a,Bearer b'])
  })

  it('read value where raw_value is empty', () => {
    const request = http({ http: { headerMap: { headers: [{ key: 'a', value: 'plain' }, { key: 'b' }] } } })
    expect([request?.headers.get('a'), request?.headers.get('b')]).toEqual([['plain'], ['']])
  })

  it('never include a pseudo-header', () => {
    const names = [':method', ':path', ':authority', ':scheme']
    for (const asMap of [false, true]) {
      const { headers } = readParts({ headers: names.map((key) => [key, 'x'] as const), asMap })
      expect(linesOf(headers, names)).toEqual(names.map(() => undefined))
      expect(names.some((name) => headers.has(name))).toBe(false)
    }
  })

  it('hold the bytes that came as Latin-1, whichever form carried them', () => {
    const value = 'Bearer café \u{1F511}'
    const expected = [Buffer.from(value).toString('latin1')]
    expect(readParts({ headers: [['x-api-key', Buffer.from(value)]] }).headers.get('x-api-key')).toEqual(
      expected,
    )
    const asMap = readParts({ headers: [['x-api-key', value]], asMap: true })
    expect(asMap.headers.get('x-api-key')).toEqual(expected)
    const notUtf8 = readParts({ headers: [['x-api-key', Buffer.from([0xff, 0x00, 0x80])]] })
    expect(notUtf8.headers.get('x-api-key')).toEqual(['\xff\x00\x80'])
  })

  it('named like members of every object are headers like any other', () => {
    for (const asMap of [false, true]) {
      const { headers } = readParts({ headers: [['__proto__', 'x']], asMap })
      expect(linesOf(headers, ['__proto__', 'constructor'])).toEqual([['x'], undefined])
    }
  })
})

describe('method and path', () => {
  it('come from the attributes, with the query, never parsed', () => {
    expect(readParts({ method: 'PUT', path: '//admin/../v1?x=%2e#y' })).toMatchObject({
      method: 'PUT',
      path: '//admin/../v1?x=%2e#y',
    })
  })

  it('come from the pseudo-headers when the attributes have none', () => {
    const headers = [
      [':method', 'GET'],
      [':path', '/v1/models?a'],
    ] as const
    expect(readParts({ method: '', path: '', headers })).toMatchObject({
      method: 'GET',
      path: '/v1/models?a',
    })
    expect(readParts({ method: '', path: '', headers, asMap: true })).toMatchObject({ path: '/v1/models?a' })
  })

  it('are empty when Envoy sent none', () => {
    expect(http({ http: {} })).toMatchObject({ method: '', path: '', id: '', startedAt: '' })
  })
})

describe('the body', () => {
  it.each(['raw_body', 'body'] as const)('is read from %s', (form) => {
    const text = '{"model":"é"}'
    const request = http({ http: form === 'raw_body' ? { rawBody: Buffer.from(text) } : { body: text } })
    expect(Buffer.from(request?.body ?? []).toString()).toBe(text)
  })

  it('keeps a byte-order mark in either form', () => {
    const bytes = Buffer.from('\ufeff{}')
    expect(Buffer.from(http({ http: { body: '\ufeff{}' } })?.body ?? [])).toEqual(bytes)
    expect(Buffer.from(http({ http: { rawBody: bytes } })?.body ?? [])).toEqual(bytes)
  })

  const header = (name: string, value: string) => [[name, value]] as const
  const complete: readonly (readonly [string, RequestParts])[] = [
    ['a GET without a body', { method: 'GET' }],
    ['a body with its length', { body: '1234', headers: header('content-length', '4') }],
    ['no body with length 0', { headers: header('content-length', '0') }],
    ['a chunked body', { body: '1234', headers: header('transfer-encoding', 'chunked') }],
    [
      'a body that Envoy says is whole',
      { body: '1234', headers: header('x-envoy-auth-partial-body', 'false') },
    ],
    ['a length that is no number', { body: '1234', headers: header('content-length', 'four') }],
  ]
  const incomplete: readonly (readonly [string, RequestParts])[] = [
    ['Envoy cut it', { body: '1234', cut: true }],
    [
      'one of several lines says that Envoy cut it',
      { body: '1', headers: header('x-envoy-auth-partial-body', 'false'), cut: true },
    ],
    ['Envoy cut it, in other letters', { body: '1', headers: header('x-envoy-auth-partial-body', 'TRUE') }],
    ['it is shorter than announced', { body: '123', headers: header('content-length', '4') }],
    ['it is longer than announced', { body: '12345', headers: header('content-length', '4') }],
    ['it was announced by its length and did not come', { headers: header('content-length', '4') }],
    ['it was announced as chunked and did not come', { headers: header('transfer-encoding', 'chunked') }],
    ['two lengths were announced', { body: '1234', headers: header('content-length', '4, 5') }],
  ]
  for (const asMap of [false, true]) {
    it.each(complete)(`is complete: %s (map: ${asMap})`, (_name, parts) => {
      expect(readParts({ ...parts, asMap }).bodyComplete).toBe(true)
    })
    it.each(incomplete)(`is not complete when %s (map: ${asMap})`, (_name, parts) => {
      expect(readParts({ ...parts, asMap }).bodyComplete).toBe(false)
    })
  }
})

describe('identity and route', () => {
  it("is Envoy's id and the start to the nanosecond", () => {
    const request = http({ time: { seconds: 1_795_262_400n, nanos: 1_000 }, http: { id: '17' } })
    expect(request).toMatchObject({ id: '17', startedAt: '1795262400.000001000' })
  })

  it.each([
    [{ latchkey_guardrails: ' pii-mask, toxicity ,,' }, ['pii-mask', 'toxicity']],
    [{ latchkey_guardrails: '' }, []],
    [{ other: 'x' }, undefined],
  ])('declares the guardrails that the route names: %j', (contextExtensions, expected) => {
    expect(readParts({ contextExtensions }).declaredGuardrails).toEqual(expected)
  })

  it('is nothing when the request is not HTTP', () => {
    expect(read(CheckRequest.fromPartial({}))).toBeUndefined()
    expect(read(CheckRequest.fromPartial({ attributes: { request: {} } }))).toBeUndefined()
  })
})

it('both header forms of one request read alike, whatever the values are', () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/)
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(name, fc.string({ unit: 'grapheme' })), { selector: ([key]) => key }),
      (headers) => {
        const id = 'same'
        const names = headers.map(([key]) => key)
        const asMap = readParts({ id, headers, asMap: true })
        const asLines = readParts({ id, headers })
        expect(linesOf(asMap.headers, names)).toEqual(linesOf(asLines.headers, names))
        expect([asMap.path, asMap.bodyComplete]).toEqual([asLines.path, asLines.bodyComplete])
      },
    ),
  )
})
