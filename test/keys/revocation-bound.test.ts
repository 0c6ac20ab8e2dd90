// How long after its commit an uncharged key may still be admitted: the formula, held against every poll there can be, on a moved clock.
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createChangeFeed } from '../../src/keys/change-feed.ts'
import type { ChangePoller } from '../../src/keys/change-poller.ts'
import { startChangePoller } from '../../src/keys/change-poller.ts'

const INTERVAL_MS = 200

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

/** A poller whose reads take as long as told, by turns, each seeing the store as it was when it began. */
const startWorld = (readsMs: readonly number[], jitters: readonly number[]) => {
  let nowMs = 0
  let reads = 0
  let waits = 0
  let committed = 0
  const rows: { number: number; token: number; change: { kind: 'key'; id: string } }[] = []
  const appliedAtMs: number[] = []
  const pollsBegunMs: number[] = []
  vi.spyOn(Math, 'random').mockImplementation(() => {
    waits += 1
    return jitters[waits % jitters.length] ?? 0
  })
  const afterRead = <T>(seen: T): Promise<T> => {
    const tookMs = readsMs[reads % readsMs.length] ?? 0
    reads += 1
    return new Promise((resolve) => setTimeout(() => resolve(seen), tookMs))
  }
  const clock = { now: () => nowMs, monotonicMs: () => nowMs }
  const feed = createChangeFeed({
    source: {
      last: () => {
        pollsBegunMs.push(nowMs)
        return afterRead({ number: committed, token: committed })
      },
      changesFrom: (number) => afterRead(rows.filter((row) => row.number >= number)),
    },
    clock,
    apply: (change) => {
      if (change.kind === 'key') appliedAtMs.push(nowMs)
    },
  })
  const poller = startChangePoller({ feed, clock, intervalMs: INTERVAL_MS, polled: () => {} })
  return {
    appliedAtMs,
    pollsBegunMs,
    nowMs: () => nowMs,
    poller,
    commit: () => {
      committed += 1
      rows.push({ number: committed, token: committed, change: { kind: 'key', id: `key_${committed}` } })
    },
    /** Millisecond by millisecond, because every one may be the worst. */
    pass: async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 1) {
        nowMs += 1
        await vi.advanceTimersByTimeAsync(1)
      }
    },
  }
}

/** The poller waits for the poll that is under way, and that one for the clock. */
const stop = async (poller: ChangePoller) => {
  const stopped = poller.stop()
  await vi.runAllTimersAsync()
  await stopped
}

const BOUND = 'the rest of the poll under way + feed_interval × 1.1 + one poll, of two reads'

describe(`a revocation is applied within ${BOUND}`, () => {
  test('in the worst case: committed just after a slow poll read, longest pause, slow poll', async () => {
    const readMs = 90
    const world = startWorld([readMs], [1])
    // The first poll reads at 0 and the second one at 90 + 220: the commit comes a moment after that.
    await world.pass(90 + 220)
    expect(world.pollsBegunMs).toEqual([0, 310])
    const committedMs = world.nowMs()
    world.commit()
    const boundMs = readMs + INTERVAL_MS * 1.1 + 2 * readMs
    await world.pass(boundMs - 1)
    expect(world.appliedAtMs).toEqual([])
    await world.pass(1)
    expect(world.appliedAtMs).toEqual([committedMs + boundMs])
    await stop(world.poller)
  })

  test('whatever the polls take, however they are jittered, whenever it is committed', async () => {
    const ms = fc.integer({ min: 0, max: 120 })
    const schedule = fc.record({
      readsMs: fc.array(ms, { minLength: 1, maxLength: 7 }),
      jitters: fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1, maxLength: 5 }),
      commitsAfterMs: fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 4 }),
    })
    const holds = fc.asyncProperty(schedule, async ({ readsMs, jitters, commitsAfterMs }) => {
      const world = startWorld(readsMs, jitters)
      const readMs = Math.max(...readsMs)
      const boundMs = 2 * readMs + INTERVAL_MS * 1.1 + 2 * readMs
      // The first poll forgets everything.
      await world.pass(readMs + 1)
      const committedMs: number[] = []
      for (const afterMs of commitsAfterMs) {
        await world.pass(afterMs)
        world.commit()
        committedMs.push(world.nowMs())
      }
      await world.pass(Math.ceil(boundMs))
      await stop(world.poller)
      expect(world.appliedAtMs).toHaveLength(committedMs.length)
      for (const [at, appliedMs] of world.appliedAtMs.entries())
        expect(appliedMs - (committedMs[at] ?? 0)).toBeLessThanOrEqual(Math.ceil(boundMs))
    })
    await fc.assert(holds, { numRuns: process.env['LATCHKEY_PROVE'] === '1' ? 1_000 : 50 })
  })
})
