// Of the subprotocols that a websocket offers, the key is taken away and everything else goes upstream.
import { expect, test } from 'vitest'
import { keysInProtocols, protocolsWithoutKey } from '../../src/check/websocket-protocols.ts'

const KEY = 'openai-insecure-api-key.lk_x'

test.each([
  [['realtime'], [], undefined],
  [[''], [], undefined],
  [[`realtime, ${KEY}`], ['lk_x'], 'realtime'],
  [[`${KEY},realtime`], ['lk_x'], 'realtime'],
  [[KEY], ['lk_x'], ''],
  [['realtime', `${KEY}`], ['lk_x'], 'realtime'],
  [
    [`realtime,\t${KEY} , openai-organization.org-1, openai-project.p_1`],
    ['lk_x'],
    'realtime, openai-organization.org-1, openai-project.p_1',
  ],
  [[`OPENAI-INSECURE-API-KEY.lk_x, realtime`], ['lk_x'], 'realtime'],
  [[KEY, KEY], ['lk_x', 'lk_x'], ''],
] as const)('%j', (lines, keys, left) => {
  expect(keysInProtocols(lines)).toEqual(keys)
  expect(protocolsWithoutKey(lines)).toBe(left)
})

test('beside a key nothing may stand that could not be written into a header again', () => {
  for (const entry of ['', 'a b', 'a;b', 'a\nb', '\u00e9', '"a"'])
    expect(keysInProtocols([`${KEY},${entry}`])).toBe('malformed')
  expect(keysInProtocols(['a b'])).toEqual([])
})
