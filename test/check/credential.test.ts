// Exactly one well-formed credential is read; anything else is refused before anybody interprets it.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findCredential } from '../../src/check/credential.ts'
import { createSecrets, DEFAULT_SECRET_FORMATS } from '../../src/keys/secret.ts'
import type { HeaderLines } from '../support/auth-requests.ts'
import { aRequest } from '../support/auth-requests.ts'

const LOCATIONS = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key']
const find = (headers: HeaderLines) => findCredential(aRequest({ headers }), LOCATIONS)
const A = createSecrets(DEFAULT_SECRET_FORMATS).mint()
const B = createSecrets(DEFAULT_SECRET_FORMATS).mint()

describe('the credential', () => {
  test.each<[string, HeaderLines]>([
    ['a bearer token', { authorization: `Bearer ${A}` }],
    ['a scheme in any case', { authorization: `bEARER ${A}` }],
    ['x-api-key', { 'x-api-key': A }],
    ['api-key', { 'api-key': A }],
    ['x-goog-api-key', { 'x-goog-api-key': A }],
    ['the same secret in two headers', { authorization: `Bearer ${A}`, 'x-api-key': A }],
  ])('is found: %s', (_name, headers) => {
    expect(find(headers)).toEqual({ token: A })
  })

  test.each<[string, string, HeaderLines]>([
    ['missing_key', 'no header at all', {}],
    ['missing_key', 'a header that is not configured', { 'x-other-key': A }],
    ['ambiguous_key', 'two lines of one header', { 'x-api-key': [A, A] }],
    ['ambiguous_key', 'a line joined with a comma', { 'x-api-key': `${A},${A}` }],
    ['ambiguous_key', 'two secrets in two headers', { authorization: `Bearer ${A}`, 'x-api-key': B }],
    ['invalid_key', 'another scheme', { authorization: `Basic ${A}` }],
    ['invalid_key', 'no scheme', { authorization: A }],
    ['invalid_key', 'another scheme beside a good key', { authorization: 'Basic eDp5', 'x-api-key': A }],
    ['invalid_key', 'two spaces', { authorization: `Bearer  ${A}` }],
    ['invalid_key', 'a tab', { authorization: `Bearer\t${A}` }],
    ['invalid_key', 'words behind', { authorization: `Bearer ${A} x` }],
    ['invalid_key', 'an empty value', { 'x-api-key': '' }],
    ['invalid_key', 'spaces around', { 'x-api-key': ` ${A} ` }],
    ['invalid_key', 'a scheme in a plain header', { 'x-api-key': `Bearer ${A}` }],
  ])('%s: %s', (reason, _name, headers) => {
    expect(find(headers)).toMatchObject({ outcome: 'deny', reason })
  })

  test('is read from a line exactly when its scheme is Bearer and its text a b64token', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'Bearer ',
        'bEARER ',
        'Bearer',
        ' ',
        '\t',
        '\n',
        '\u00a0',
        '=',
        '==',
        'a=b',
        '_',
        '\u212a',
      ),
      fc.constantFrom('k', 'K', '\u017f', 'x'.repeat(511), 'x'.repeat(512), A, '\u00e9', '\0', '~+/.-'),
      fc.string({ maxLength: 3 }),
    )
    const line = fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => pieces.join(''))
    const bearer = fc.tuple(fc.constantFrom('', 'Bearer ', 'bearer '), line).map((parts) => parts.join(''))
    fc.assert(
      fc.property(bearer, fc.constantFrom('authorization', 'x-api-key'), (value, name) => {
        const text = name === 'authorization' ? /^bearer (\S+)$/i.exec(value)?.[1] : value
        const good = text !== undefined && /^[A-Za-z0-9._~+/-]{1,512}=*$/.test(text)
        const refused = { reason: value.includes(',') ? 'ambiguous_key' : 'invalid_key' }
        expect(find({ [name]: value })).toMatchObject(good ? { token: text } : refused)
      }),
      { numRuns: 5_000 },
    )
  })

  test('no refusal repeats what was sent', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 8 }), fc.constantFrom(...LOCATIONS), (value, name) => {
        const found = find({ [name]: value, 'x-other': 'y' })
        if ('outcome' in found) expect(`${found.message}${found.detail ?? ''}`).not.toContain(value)
      }),
    )
  })
})
