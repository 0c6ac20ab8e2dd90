// Exactly one well-formed credential is read; anything else is refused before anybody interprets it.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findCredential } from '../../src/check/credential.ts'
import { createSecrets, DEFAULT_SECRET_FORMATS } from '../../src/keys/secret.ts'
import type { HeaderLines } from '../support/auth-requests.ts'
import { aRequest } from '../support/auth-requests.ts'

const LOCATIONS = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key', 'sec-websocket-protocol']
const PROTOCOLS = 'sec-websocket-protocol'
const ENTRY = 'openai-insecure-api-key.'
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
    ['a subprotocol', { [PROTOCOLS]: `realtime, ${ENTRY}${A}, openai-beta.realtime-v1` }],
    ['a subprotocol alone', { [PROTOCOLS]: `${ENTRY}${A}` }],
    ['a subprotocol without spaces', { [PROTOCOLS]: `realtime,${ENTRY}${A},openai-organization.org` }],
    ['a subprotocol on a line of its own', { [PROTOCOLS]: ['realtime', `${ENTRY}${A}`] }],
    ['a subprotocol in another case', { [PROTOCOLS]: `realtime, OpenAI-Insecure-API-Key.${A}` }],
    [
      'the same secret in a header and a subprotocol',
      { authorization: `Bearer ${A}`, [PROTOCOLS]: `${ENTRY}${A}` },
    ],
    ['a header beside subprotocols without a key', { 'api-key': A, [PROTOCOLS]: 'realtime, (what)' }],
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
    ['missing_key', 'subprotocols without a key', { [PROTOCOLS]: 'realtime' }],
    ['missing_key', 'a subprotocol that only looks like it', { [PROTOCOLS]: `openai-insecure-api-key${A}` }],
    ['ambiguous_key', 'two subprotocols with keys', { [PROTOCOLS]: `${ENTRY}${A}, ${ENTRY}${B}` }],
    ['ambiguous_key', 'one key in two subprotocols', { [PROTOCOLS]: `${ENTRY}${A}, ${ENTRY}${A}` }],
    ['ambiguous_key', 'keys on two lines', { [PROTOCOLS]: [`${ENTRY}${A}`, `${ENTRY.toUpperCase()}${B}`] }],
    ['ambiguous_key', 'a secret and another in a subprotocol', { 'api-key': A, [PROTOCOLS]: `${ENTRY}${B}` }],
    ['invalid_key', 'an empty key in a subprotocol', { [PROTOCOLS]: `realtime, ${ENTRY}` }],
    ['invalid_key', 'words behind it in a subprotocol', { [PROTOCOLS]: `${ENTRY}${A} x` }],
    ['invalid_key', 'a scheme in a subprotocol', { [PROTOCOLS]: `${ENTRY}Bearer ${A}` }],
    ['invalid_key', 'a key beside what is no subprotocol', { [PROTOCOLS]: `re\u00e9l, ${ENTRY}${A}` }],
    ['invalid_key', 'a key beside an empty subprotocol', { [PROTOCOLS]: `,${ENTRY}${A}` }],
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

  test('is not looked for among subprotocols where that is not a place for keys', () => {
    const request = aRequest({ headers: { [PROTOCOLS]: `${ENTRY}${A}` } })
    expect(findCredential(request, ['authorization'])).toMatchObject({ reason: 'missing_key' })
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
      fc.property(fc.string({ minLength: 8 }), fc.constantFrom(...LOCATIONS), (words, name) => {
        const value = name === PROTOCOLS ? `${ENTRY}${words}` : words
        const found = find({ [name]: value, 'x-other': 'y' })
        if ('outcome' in found) expect(`${found.message}${found.detail ?? ''}`).not.toContain(words)
      }),
    )
  })
})
