// The kernel keeps its three promises: time that does not jump, waits that end, and close in reverse order.
import { afterEach, expect, test, vi } from 'vitest'
import { assertAwaited, createCall, withinDeadline } from '../../src/kernel/call.ts'
import { createClock } from '../../src/kernel/clock.ts'
import { Failure } from '../../src/kernel/failure.ts'
import { createLifecycle } from '../../src/kernel/lifecycle.ts'
import { createManualClock } from '../support/manual-clock.ts'

afterEach(() => {
  vi.useRealTimers()
})

/** Its time stands still: what is learned late on a busy machine is not older for that. */
const aStandingClock = () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  return createClock()
}

test('the clock follows the database, half a round trip corrected', () => {
  const clock = aStandingClock()
  const at = clock.monotonicMs()
  clock.observe(5_000_000, at - 10, at + 10)
  // Floored, of a sum that is no whole number.
  expect(Math.abs(clock.now() - 5_000_000)).toBeLessThanOrEqual(1)
})

test('a slow reply does not replace the estimate of a fast one that is fresh', () => {
  const clock = aStandingClock()
  const at = clock.monotonicMs()
  clock.observe(5_000_000, at, at)
  clock.observe(9_000_000, at - 500, at + 1)
  expect(clock.now()).toBeLessThan(6_000_000)
  clock.observe(9_000_000, at + 5_900, at + 6_000)
  expect(clock.now()).toBeGreaterThan(8_000_000)
})

test('nobody waits beyond the deadline, however long the work takes', async () => {
  const clock = createClock()
  const call = createCall(clock.monotonicMs())
  await expect(withinDeadline(new Promise(() => {}), call, clock)).rejects.toMatchObject({
    reason: 'deadline_exceeded',
  })
  await expect(
    withinDeadline(Promise.resolve(7), createCall(clock.monotonicMs() + 60_000), clock),
  ).resolves.toBe(7)
})

test('a call that is late or cancelled is not awaited any more', () => {
  const clock = createManualClock()
  const call = createCall(clock.monotonicMs() + 100)
  assertAwaited(call, clock)
  clock.advance(100)
  expect(() => assertAwaited(call, clock)).toThrow(Failure)
  const left = createCall(clock.monotonicMs() + 100)
  left.cancelled = true
  expect(() => assertAwaited(left, clock)).toThrow(Failure)
})

test('what was opened last is closed first, once, and a failing close stops no other', async () => {
  const closed: string[] = []
  const lifecycle = createLifecycle()
  lifecycle.onClose('first', () => void closed.push('first'))
  lifecycle.onClose('second', () => {
    throw new Error('stuck')
  })
  lifecycle.onClose('third', () => void closed.push('third'))
  await expect(lifecycle.close()).rejects.toThrow('not everything closed cleanly')
  await expect(lifecycle.close()).rejects.toThrow()
  expect(closed).toEqual(['third', 'first'])
})

test('a Failure has no stack, for there is one for each request in an outage; what is thrown after it has', () => {
  const { stackTraceLimit } = Error
  expect(new Failure('overloaded', 'too many').stack).not.toMatch(/\n/)
  expect(Error.stackTraceLimit).toBe(stackTraceLimit)
  expect(new TypeError('ours').stack).toMatch(/\n +at /)
})
