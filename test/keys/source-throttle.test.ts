// Who fails too often gets no look-up for a moment, and nobody else pays for it.
import { expect, test } from 'vitest'
import { createSourceThrottle } from '../../src/keys/source-throttle.ts'
import { createManualClock } from '../support/manual-clock.ts'

const setUp = (perSecond: number | undefined = 3, maxSources = 100) => {
  const clock = createManualClock()
  const throttle = createSourceThrottle({ clock, perSecond, maxSources })
  const miss = (source: string, times: number) => {
    for (let each = 0; each < times; each += 1) throttle.missed(source)
  }
  return { clock, throttle, miss }
}

test('as many misses as allowed within a second throttle a source for a second, and no other source', () => {
  const { clock, throttle, miss } = setUp()
  miss('192.0.2.1', 2)
  expect(throttle.isThrottled({ source: '192.0.2.1' })).toBe(false)
  clock.advance(999)
  miss('192.0.2.1', 1)
  expect(throttle.isThrottled({ source: '192.0.2.1' })).toBe(true)
  expect(throttle.isThrottled({ source: '192.0.2.2' })).toBe(false)
  clock.advance(999)
  expect(throttle.isThrottled({ source: '192.0.2.1' })).toBe(true)
  clock.advance(1)
  expect(throttle.isThrottled({ source: '192.0.2.1' })).toBe(false)
})

test('misses that are spread over more than a second throttle nobody', () => {
  const { clock, throttle, miss } = setUp()
  for (let second = 0; second < 5; second += 1) {
    miss('192.0.2.1', 2)
    expect(throttle.isThrottled({ source: '192.0.2.1' })).toBe(false)
    clock.advance(1_000)
  }
})

test('addresses of one IPv6 network count together, however they are written', () => {
  const { throttle, miss } = setUp()
  miss('2001:db8:0:1::1', 1)
  miss('2001:db8:0:1:a:b:c:d', 1)
  miss('2001:db8::1:0:0:0:9', 1)
  expect(throttle.isThrottled({ source: '2001:db8:0:1::77' })).toBe(true)
  expect(throttle.isThrottled({ source: '2001:db8:0:2::77' })).toBe(false)
})

test('of an address that nobody told nothing is known: it is never throttled', () => {
  const { throttle, miss } = setUp()
  miss('', 100)
  expect(throttle.isThrottled({ source: '' })).toBe(false)
})

test('switched off it throttles nobody', () => {
  const clock = createManualClock()
  const throttle = createSourceThrottle({ clock, perSecond: undefined, maxSources: 1 })
  for (let each = 0; each < 100; each += 1) throttle.missed('192.0.2.1')
  expect(throttle.isThrottled({ source: '192.0.2.1' })).toBe(false)
})

test('more sources than are remembered push out the one that was quiet for longest', () => {
  const { throttle, miss } = setUp(3, 2)
  for (const source of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) miss(source, 3)
  expect(['1', '2', '3'].map((last) => throttle.isThrottled({ source: `192.0.2.${last}` }))).toEqual([
    false,
    true,
    true,
  ])
})
