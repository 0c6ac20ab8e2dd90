// The address that a rule is asked about: the connection's, or the one entry that a trusted proxy wrote; never what a client can write.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { clientAddressOf, sourceOf } from '../../src/check/client-address.ts'
import { headersOf } from '../support/auth-requests.ts'

const addressOf = (lines: readonly string[] | undefined, depth: number) =>
  clientAddressOf(
    { source: '198.51.100.1', headers: headersOf(lines === undefined ? {} : { 'x-forwarded-for': lines }) },
    depth,
  )

test.each<[string, readonly string[] | undefined, number, string | undefined]>([
  ['the connection, whatever is forwarded', ['192.0.2.1'], 0, '198.51.100.1'],
  ['the last entry', ['192.0.2.1, 192.0.2.2'], 1, '192.0.2.2'],
  ['the second from the end', ['192.0.2.1, 192.0.2.2'], 2, '192.0.2.1'],
  ['more proxies than entries', ['192.0.2.1, 192.0.2.2'], 3, undefined],
  ['no header', undefined, 1, undefined],
  ['an empty header', [''], 1, undefined],
  ['several lines are one list', ['192.0.2.1', '192.0.2.2,192.0.2.3'], 2, '192.0.2.2'],
  ['several lines, the first', ['192.0.2.1', '192.0.2.2,192.0.2.3'], 3, '192.0.2.1'],
  ['no spaces', ['192.0.2.1,192.0.2.2'], 2, '192.0.2.1'],
  ['many spaces and tabs', [' \t192.0.2.1 \t,  192.0.2.2 '], 2, '192.0.2.1'],
  ['an empty entry counts, and is nobody', ['192.0.2.1,,192.0.2.2'], 2, undefined],
  ['an empty entry moves no other nearer', ['192.0.2.1, ,192.0.2.2'], 3, '192.0.2.1'],
  ['a comma at the end', ['192.0.2.1,'], 1, undefined],
  ['a port', ['192.0.2.1:4711'], 1, '192.0.2.1'],
  ['brackets', ['[2001:db8::1]'], 1, '2001:db8::1'],
  ['brackets and a port', ['[2001:db8::1]:4711'], 1, '2001:db8::1'],
  ['IPv6 as it is', ['2001:db8::1'], 1, '2001:db8::1'],
  ['a word stays a word, which is no address', ['unknown'], 1, 'unknown'],
  ['half a bracket', ['[2001:db8::1'], 1, '[2001:db8::1'],
  ['two ports', ['192.0.2.1:1:2'], 1, '192.0.2.1:1:2'],
])('%s', (_, lines, depth, address) => {
  expect(addressOf(lines, depth)).toBe(address)
})

test('a connection of an unknown address is nobody', () => {
  expect(clientAddressOf({ source: '', headers: new Map() }, 0)).toBeUndefined()
})

test('whatever a client writes before the trusted entries changes nothing', () => {
  const trusted = fc.array(fc.ipV4(), { minLength: 1, maxLength: 4 })
  const planted = fc.array(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.constantFrom('', ' ', ',', ',,')), {
    maxLength: 4,
  })
  fc.assert(
    fc.property(trusted, planted, fc.boolean(), (entries, front, asLines) => {
      const lines = asLines ? [...front, entries.join(', ')] : [[...front, ...entries].join(', ')]
      for (let depth = 1; depth <= entries.length; depth += 1)
        expect(addressOf(lines, depth)).toBe(entries.at(-depth))
    }),
  )
})

test('who counts by addresses counts by the same one', () => {
  const request = {
    source: '198.51.100.1',
    headers: headersOf({ 'x-forwarded-for': '192.0.2.1:80, 192.0.2.2' }),
  }
  expect(sourceOf(request, { forwardedForDepth: 0 }).source).toBe('198.51.100.1')
  expect(sourceOf(request, { forwardedForDepth: 2 }).source).toBe('192.0.2.1')
  expect(sourceOf(request, { forwardedForDepth: 3 }).source).toBe('')
})
