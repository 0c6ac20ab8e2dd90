// While the feed of changes does not work nobody tells of a revocation: what is remembered is asked for again soon, and served in an
// outage no longer than the grace.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { RevocationWorld } from '../support/revocation-world.ts'
import { createRevocationWorld, WORLD_OPTIONS } from '../support/revocation-world.ts'

const { unfedTtlMs, staleGraceMs, positiveTtlMs } = WORLD_OPTIONS

/** A Check must not stop waiting because this machine is slow. */
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** Fed once, then the key is asked for and remembered. */
const remembering = async (options = {}): Promise<RevocationWorld> => {
  const world = createRevocationWorld('the key is revoked', options)
  await world.feed.poll()
  expect(await world.ask()).toBe('admitted')
  return world
}

/** The clock moves on in steps, each with a poll that succeeds. */
const pollFor = async (world: RevocationWorld, ms: number, stepMs = 1_000) => {
  for (let passedMs = 0; passedMs < ms; passedMs += stepMs) {
    world.clock.advance(stepMs)
    await world.feed.poll()
  }
}

describe('a feed that does not work', () => {
  test('lets a revoked key pass no longer than cache_unfed_ttl after the last poll that succeeded began', async () => {
    const world = await remembering()
    await pollFor(world, 30_000)
    world.setReachable(true, false)
    world.commit()
    world.clock.advance(unfedTtlMs - 1)
    await expect(world.feed.poll()).rejects.toMatchObject({ reason: 'store_unavailable' })
    expect(await world.ask()).toBe('admitted')
    expect(world.lookups()).toBe(1)
    world.clock.advance(1)
    expect(await world.ask()).toBe('refused')
    expect(world.lookups()).toBe(2)
  })

  test('counts a poll from its beginning, however long it took', async () => {
    const world = await remembering()
    world.clock.advance(1)
    const tell = world.beginPoll()
    world.commit()
    world.clock.advance(unfedTtlMs)
    await tell()
    expect(await world.ask()).toBe('refused')
  })

  test('lets a key that is still good pass, asked for once in cache_unfed_ttl', async () => {
    const world = await remembering()
    world.setReachable(true, false)
    for (let second = 0; second < 60; second += 1) {
      world.clock.advance(1_000)
      expect(await world.ask()).toBe('admitted')
    }
    expect(world.lookups()).toBe(1 + 60_000 / unfedTtlMs)
  })

  test('that works again tells of what was committed meanwhile at its first poll', async () => {
    const world = await remembering()
    world.setReachable(true, false)
    world.commit()
    world.clock.advance(unfedTtlMs - 1)
    world.setReachable(true)
    await world.feed.poll()
    expect(await world.ask()).toBe('refused')
  })
})

describe('an outage', () => {
  test('lets a key pass within the grace after it was last known to be good, then nobody knows', async () => {
    const world = await remembering()
    await pollFor(world, 30_000)
    world.setReachable(false)
    world.clock.advance(staleGraceMs - 1)
    expect(await world.ask()).toBe('admitted')
    world.clock.advance(1)
    expect(await world.ask()).toBe('unknown')
  })

  test('is over for a key that was revoked in it with the first look-up that works', async () => {
    const world = await remembering()
    world.setReachable(false)
    world.commit()
    world.clock.advance(unfedTtlMs)
    expect(await world.ask()).toBe('admitted')
    world.setReachable(true, false)
    world.clock.advance(1_000)
    expect(await world.ask()).toBe('refused')
    world.setReachable(false)
    expect(await world.ask()).not.toBe('admitted')
  })

  test('lets nobody pass whose revocation became known while he waited for a look-up that then failed', async () => {
    const world = await remembering()
    world.clock.advance(unfedTtlMs)
    await world.begin('held')
    world.commit()
    await world.feed.poll()
    await world.reply('lost')
    expect(world.answers()).toEqual(['unknown'])
  })
})

describe('cache_positive_ttl', () => {
  test('ends what is remembered while the feed works, and asking does not prolong it', async () => {
    const world = await remembering()
    await pollFor(world, positiveTtlMs - 1_000, 4_000)
    await world.ask()
    expect(world.lookups()).toBe(1)
    await pollFor(world, 4_000)
    expect(await world.ask()).toBe('admitted')
    expect(world.lookups()).toBe(2)
  })

  test('ends it in an outage too, even within the grace', async () => {
    const world = await remembering({ positiveTtlMs: 10_000 })
    world.setReachable(false)
    world.clock.advance(9_999)
    expect(await world.ask()).toBe('admitted')
    world.clock.advance(2)
    expect(await world.ask()).toBe('unknown')
  })
})
