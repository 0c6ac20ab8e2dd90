// A path rule says what happens: no spelling that a server reads as a denied path passes, and a rule that means nothing cannot be set.
import { posix } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  admitsTarget,
  deniesTarget,
  isAmbiguousPath,
  namesTarget,
  parsePathPattern,
} from '../../src/policy/path-pattern.ts'
import { compileRestrictions, NO_RESTRICTIONS, pathRefusal } from '../../src/policy/restrictions.ts'
import { parseRestrictions } from '../../src/store/books/restrictions-input.ts'

const RUNS = process.env['LATCHKEY_PROVE'] === '1' ? 200_000 : 5_000

const patternOf = (text: string) => {
  const pattern = parsePathPattern(text)
  if (pattern === undefined) throw new Error(`${text} is no pattern`)
  return pattern
}
const rulesOf = (paths: readonly string[] | undefined, deniedPaths: readonly string[] = []) => {
  const rules = compileRestrictions([{ ...NO_RESTRICTIONS, paths, deniedPaths }])?.paths
  if (rules === undefined) throw new Error('no rule about paths')
  return rules
}

describe('a pattern', () => {
  test.each<[string, string, string, boolean]>([
    ['/v1/files', 'POST', '/v1/files', true],
    ['/v1/files', 'GET', '/v1/files', true],
    ['/v1/files', 'POST', '/v1/files/', false],
    ['/v1/files', 'POST', '/V1/files', false],
    ['/v1/files', 'POST', '/v1/files2', false],
    ['/v1/files', 'POST', '/a/v1/files', false],
    ['GET /v1/files', 'GET', '/v1/files', true],
    ['GET /v1/files', 'HEAD', '/v1/files', false],
    ['GET /v1/files', 'get', '/v1/files', false],
    ['GET /v1/files/*', 'GET', '/v1/files/a/b', true],
    ['GET /v1/files/*', 'GET', '/v1/files/', true],
    ['GET /v1/files/*', 'GET', '/v1/files', false],
    ['/v1/*/content', 'GET', '/v1/files/x/content', true],
    ['/v1/*/content', 'GET', '/v1/files/x/contents', false],
    ['*', 'PATCH', '/', true],
    ['DELETE *', 'DELETE', '/x', true],
    ['DELETE *', 'GET', '/x', false],
    ['/v1/a.b', 'GET', '/v1/aXb', false],
  ])('%s and %s %s: %s', (text, method, path, admitted) => {
    expect(admitsTarget([patternOf(text)], { method, path })).toBe(admitted)
  })

  test.each<[string, string, string]>([
    ['upper and lower case', 'GET', '/V1/FILES/x'],
    ['a method in lower case, which frameworks fold', 'delete', '/v1/keys'],
    ['a slash more', 'GET', '/v1/admin/'],
    ['a slash less', 'GET', '/v1/files'],
    ['hexadecimal digits in lower case', 'GET', '/v1/caf%c3%a9'],
  ])('a denial also catches %s', (_, method, path) => {
    const denied = ['/v1/files/*', 'DELETE /v1/keys', '/v1/admin', '/v1/caf%C3%A9'].map(patternOf)
    expect(deniesTarget(denied, { method, path })).toBe(true)
  })

  test('is named only by the very path, with its method or any', () => {
    const named = (text: string, method: string, path: string) =>
      namesTarget([patternOf(text)], { method, path })
    expect(named('POST /v1/files', 'POST', '/v1/files')).toBe(true)
    expect(named('/v1/files', 'PUT', '/v1/files')).toBe(true)
    expect(named('POST /v1/files', 'PUT', '/v1/files')).toBe(false)
    expect(named('/v1/*', 'POST', '/v1/files')).toBe(false)
  })

  test.each([
    '',
    'v1/files',
    'get /v1',
    'GET  /v1',
    ' /v1',
    '/v1 ',
    'GET',
    'GET v1',
    '/v1?x=1',
    '/v1#x',
    '/v1//files',
    '/v1/../files',
    '/v1/./files',
    '/v1/..',
    '/v1;x',
    '/v1\\x',
    '/v1/%2e',
    '/v1/%2F',
    '/v1/%61',
    '/v1/%3a',
    '/v1/%',
    '/v1/%2',
    '/v1/{id}',
    '/v1/<id>',
    '/v1/é',
    '/v1/\n',
    'http://host/v1',
    '**',
    `/${'x'.repeat(512)}`,
  ])('that could match nothing that is let through is refused when it is set: %j', (text) => {
    expect(() => parseRestrictions({ ...NO_RESTRICTIONS, paths: [text] })).toThrow(/^path pattern /)
    expect(() => parseRestrictions({ ...NO_RESTRICTIONS, deniedPaths: [text] })).toThrow(/^path pattern /)
  })

  test.each([
    '/',
    '*',
    'GET *',
    '/v1/*',
    'POST /v1/models/gemini-2.5-pro:generateContent',
    '/.well-known/*',
    '/v1/caf%C3%A9',
    `/${'x'.repeat(511)}`,
  ])('that means something is kept as it was written: %j', (text) => {
    expect(parseRestrictions({ ...NO_RESTRICTIONS, paths: [text, text] }).paths).toEqual([text])
    const path = patternOf(text).path.replaceAll('*', 'x').replace(/^x/, '/x')
    expect(pathRefusal(rulesOf([text]), { method: patternOf(text).method ?? 'PUT', path })).toBeUndefined()
  })
})

describe('a path that servers read differently', () => {
  test.each([
    '',
    'v1',
    '*',
    'http://host/v1',
    '/v1//x',
    '//',
    '/.',
    '/..',
    '/v1/./x',
    '/v1/../x',
    '/v1/x/..',
    '/v1;a=b/x',
    '/v1\\x',
    '/v1#x',
    '/v1/%',
    '/v1/%2',
    '/v1/%zz',
    '/v1/%00',
    '/v1/%0a',
    '/v1/%2e%2e/x',
    '/v1%2Fx',
    '/v1%5cx',
    '/v1%3bx',
    '/v1%3Fx',
    '/v1%23x',
    '/v1/%252e',
    '/v1/%61dmin',
    '/v1/x%3AgenerateContent',
    '/v1/a%40b',
    '/v1/a%2ab',
    '/v1/a%2Bb',
    '/v1/a%7eb',
    '/v1/a%7f',
    '/v1/%c0%ae',
    '/v1/%f8%80',
    '/v1/a b',
    '/v1/{a}',
    '/v1/é',
    '/v1/\u0000',
    '/v1/a\tb',
  ])('%j is admitted by nothing', (path) => {
    expect(isAmbiguousPath(path)).toBe(true)
    for (const rules of [rulesOf(['*']), rulesOf(undefined, ['/other'])])
      expect(pathRefusal(rules, { method: 'GET', path })).toBe('the path can be read in more than one way')
  })

  test.each([
    '/',
    '/v1/files',
    '/v1/files/',
    '/a.b/..c/...',
    '/v1/x:y',
    '/v1/a@b',
    '/v1/a%20b',
    '/v1/%7Bid%7D',
    '/%E4%BD%A0',
  ])('%j is read alike by all', (path) => {
    expect(isAmbiguousPath(path)).toBe(false)
  })

  test('no byte has two spellings that pass: it stands plain, or encoded, never both', () => {
    for (let byte = 0; byte < 128; byte += 1) {
      const plain = `/${String.fromCharCode(byte)}x`
      const encoded = `/%${byte.toString(16).padStart(2, '0')}x`
      expect([plain, encoded].filter((path) => !isAmbiguousPath(path)).length).toBeLessThanOrEqual(1)
    }
  })
})

/** What proxies and frameworks do to a path before they look it up. Each is applied or not, in any order, up to four times. */
const READINGS: readonly ((path: string) => string)[] = [
  (path) =>
    path.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
  (path) =>
    path.replace(/%(2[dDeE]|3\d|[46][1-9a-fA-F]|[57][0-9aA]|5[fF]|7[eE])/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    ),
  (path) => path.replaceAll(/%2f/gi, '/').replaceAll(/%5c/gi, '/'),
  (path) => path.replaceAll('\\', '/'),
  (path) => path.replaceAll(/\/{2,}/g, '/'),
  (path) => posix.normalize(path),
  (path) => new URL(path.replace(/^\/+/, '/'), 'http://host').pathname,
  (path) => path.replaceAll(/;[^/]*/g, ''),
  (path) => path.replace(/#.*$/s, ''),
  (path) => path.replace(/\0.*$/s, ''),
  (path) => path.toLowerCase(),
  (path) => path.replaceAll('\u00c0\u00ae', '.').replaceAll('\u00c0\u00af', '/'),
  (path) => (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path),
  (path) => path.trim(),
]

const DENIED = '/v1/files/secret:read'

/** What one character can be written as. */
const spellingsOf = (character: string): readonly string[] => {
  const hex = character.charCodeAt(0).toString(16).padStart(2, '0')
  const common = [
    character,
    character,
    character,
    `%${hex}`,
    `%${hex.toUpperCase()}`,
    `%25${hex}`,
    character.toUpperCase(),
  ]
  return character === '/'
    ? [...common, '//', '\\', '/./', '/x/../', ';a=b/', '/%2e/', '%c0%af', '/a%2f..%2f']
    : common
}

test('whatever a proxy or a server would read as a denied path is refused', () => {
  const spelling = fc
    .tuple(
      fc.tuple(...[...DENIED].map((character) => fc.constantFrom(...spellingsOf(character)))),
      fc.constantFrom('', '', '/', '/.', '//', '#x', ';x', '%00', ' ', '%20', '\\', '/x/..'),
    )
    .map(([characters, end]) => characters.join('') + end)
  const few = fc
    .record({
      at: fc.nat(DENIED.length - 1),
      pick: fc.nat(20),
      end: fc.constantFrom('', '', '/', '/.', '#x', ';x', '%00', '%09'),
    })
    .map(({ at, pick, end }) => {
      const choices = spellingsOf(DENIED.charAt(at))
      return DENIED.slice(0, at) + (choices[pick % choices.length] ?? '') + DENIED.slice(at + 1) + end
    })
  const readings = fc.array(fc.constantFrom(...READINGS), { maxLength: 4 })
  const rules = rulesOf(['/v1/*', '/*'], [DENIED])
  let met = 0
  fc.assert(
    fc.property(fc.oneof(spelling, few), readings, (path, steps) => {
      let read = path
      for (const step of steps) read = step(read)
      if (read !== DENIED) return
      met += 1
      expect(pathRefusal(rules, { method: 'GET', path }), path).toBeDefined()
    }),
    { numRuns: RUNS },
  )
  expect(met).toBeGreaterThan(RUNS / 100)
})
