// A rule about models is decided only on a body that every parser reads alike.
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { quoted } from '../../src/check/quoted.ts'
import { observeModel, requireModel } from '../../src/check/request-model.ts'
import { aRequest } from '../support/auth-requests.ts'

const IN_BODY = { kind: 'body' } as const

const required = (body: string | Uint8Array, headers = {}) =>
  requireModel(aRequest({ body, headers }), IN_BODY, 'x-model')

describe('the model of a body', () => {
  test.each([
    ['first', '{"model":"gpt-4o","messages":[]}'],
    [
      'last, behind everything else',
      `{"messages":[{"role":"user","content":"${'x'.repeat(2_000_000)}"}],"model":"gpt-4o"}`,
    ],
    ['escaped', '{"\\u006dodel":"gpt-4\\u006f"}'],
    ['beside nested ones', '{"a":{"model":"x"},"b":[{"model":"y"}],"model":"gpt-4o","c":"\\"model\\":1"}'],
    ['with white space', ' \n{ "model" : "gpt-4o" }\t'],
  ])('is found %s', (_where, body) => {
    expect(required(body)).toEqual({ model: 'gpt-4o' })
  })

  test.each([
    ['request_malformed', 'repeated', '{"model":"a","model":"b"}'],
    ['request_malformed', 'repeated with the same value', '{"model":"a","model":"a"}'],
    ['request_malformed', 'repeated in another escape', '{"model":"a","m\\u006fdel":"b"}'],
    ['request_malformed', 'repeated in another case', '{"model":"a","Model":"b"}'],
    ['request_malformed', 'in another case', '{"MODEL":"a"}'],
    ['request_malformed', 'not a string', '{"model":["a"]}'],
    ['request_malformed', 'null', '{"model":null}'],
    ['request_malformed', 'empty', '{"model":""}'],
    ['request_malformed', 'with a comma', '{"model":"a,b"}'],
    ['request_malformed', 'with a line break', '{"model":"a\\nb"}'],
    ['request_malformed', 'too long', `{"model":"${'a'.repeat(257)}"}`],
    ['request_malformed', 'in a list', '[{"model":"a"}]'],
    ['request_malformed', 'in a string', '"model"'],
    ['request_malformed', 'in broken JSON', '{"model":"a"'],
    ['request_malformed', 'behind a byte order mark', '\ufeff{"model":"a"}'],
    ['request_malformed', 'before a second document', '{"model":"a"}{"model":"b"}'],
    ['request_malformed', 'beside NaN, which some parsers read', '{"model":"a","x":NaN}'],
    ['model_required', 'missing', '{"messages":[]}'],
    ['model_required', 'only below the top level', '{"x":{"model":"a"}}'],
    ['model_required', 'missing with the body', ''],
  ])('%s when it is %s', (reason, _what, body) => {
    expect(required(body)).toMatchObject({ outcome: 'deny', reason })
  })

  test('in another case is refused in words that say so', () => {
    expect(required('{"MODEL":"a"}')).toMatchObject({
      message: 'The key "model" must be spelt in lower case.',
    })
  })

  test('is not told from a body in UTF-16, or in broken UTF-8, but is from the deepest', () => {
    for (const body of [
      Buffer.from('{"model":"a"}', 'utf16le'),
      Buffer.concat([Buffer.from('{"model":"a","x":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
    ])
      expect(required(body)).toMatchObject({ reason: 'request_malformed' })
    const deep = `{"x":${'['.repeat(500_000)}${']'.repeat(500_000)},"model":"a"}`
    expect(required(deep)).toEqual({ model: 'a' })
  })

  test('is not told from a compressed or a cut body', () => {
    expect(required(gzipSync('{"model":"a"}'), { 'content-encoding': 'gzip' })).toMatchObject({
      reason: 'request_malformed',
    })
    expect(required('{"model":"a"}', { 'content-encoding': 'identity' })).toEqual({ model: 'a' })
    const cut = aRequest({ body: '{"model":"a","x":"', bodyComplete: false })
    expect(requireModel(cut, IN_BODY, undefined)).toMatchObject({ reason: 'body_too_large' })
  })

  test('agrees with a configured header, or is refused', () => {
    expect(required('{"model":"a"}', { 'x-model': 'a' })).toEqual({ model: 'a' })
    expect(required('{"model":"a"}', { 'x-model': 'b' })).toMatchObject({ reason: 'model_conflict' })
    expect(required('{}', { 'x-model': 'b' })).toEqual({ model: 'b' })
    expect(required('{"model":"a"}', { 'x-model': ['a', 'a'] })).toMatchObject({
      reason: 'request_malformed',
    })
    expect(
      requireModel(aRequest({ body: '{"model":"a"}', headers: { 'x-model': 'b' } }), IN_BODY, undefined),
    ).toEqual({ model: 'a' })
  })

  test('is only observed, never demanded, where no rule depends on it', () => {
    expect(observeModel(aRequest({ body: 'no JSON' }), IN_BODY, undefined)).toEqual({ model: undefined })
    expect(observeModel(aRequest({ body: '{"model":"a"}' }), IN_BODY, undefined)).toEqual({ model: 'a' })
  })
})

test('what a client wrote is repeated in ASCII, escaped and within 128 bytes', () => {
  expect(quoted('gpt "4"\n')).toBe('"gpt \\"4\\"\\n"')
  expect(quoted('é\u2028')).toBe('"\\u00e9\\u2028"')
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (words) => {
      const shown = quoted(words)
      expect(shown).toMatch(/^[\x20-\x7e]{0,128}$/)
      expect(typeof JSON.parse(shown)).toBe('string')
    }),
    { numRuns: 5_000 },
  )
})
