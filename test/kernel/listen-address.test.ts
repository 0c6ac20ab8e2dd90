// Where a listener may stand, and which places only this machine can reach.
import { describe, expect, it } from 'vitest'
import { formatHostPort, isLoopback, parseListenAddress } from '../../src/kernel/listen-address.ts'

it.each([
  ['unix:/run/latchkey/latchkey.sock', { kind: 'unix', path: '/run/latchkey/latchkey.sock' }],
  ['127.0.0.1:9191', { kind: 'tcp', host: '127.0.0.1', port: 9191 }],
  ['localhost:0', { kind: 'tcp', host: 'localhost', port: 0 }],
  ['[::1]:9191', { kind: 'tcp', host: '::1', port: 9191 }],
])('%s is understood', (text, expected) => {
  expect(parseListenAddress(text)).toEqual(expected)
})

it.each([
  '',
  'unix:',
  '9191',
  ':9191',
  '127.0.0.1',
  '127.0.0.1:',
  '127.0.0.1:65536',
  '::1:9191',
  '[localhost]:1',
  'a/b:1',
])('%j is refused with what it must look like', (text) => {
  expect(() => parseListenAddress(text)).toThrow('must be unix:PATH, HOST:PORT or [IPV6]:PORT')
})

describe('loopback', () => {
  it.each(['127.0.0.1', '127.8.8.8', '::1', 'localhost'])('is %s', (host) =>
    expect(isLoopback(host)).toBe(true),
  )

  it.each([
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '127.0.0.1.example.com',
    '127.evil.example',
    'localhost.example.com',
    '128.0.0.1',
  ])('is not %s', (host) => expect(isLoopback(host)).toBe(false))
})

it('writes an address as it reads it', () => {
  expect([formatHostPort('::1', 1), formatHostPort('127.0.0.1', 2)]).toEqual(['[::1]:1', '127.0.0.1:2'])
})
