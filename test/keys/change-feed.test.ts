// Changes of other processes: applied in order, once, and when one may have been missed, everything is forgotten.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Failure } from '../../src/kernel/failure.ts'
import type { Change, ChangeSource, NumberedChange } from '../../src/keys/change-feed.ts'
import { createChangeFeed } from '../../src/keys/change-feed.ts'
import { createManualClock } from '../support/manual-clock.ts'

/** A history that grows, loses its beginning, or is replaced by another one. */
const createHistory = () => {
  let rows: NumberedChange[] = []
  let last = { number: 0, token: 0 }
  let tokens = 0
  let reachable = true
  const answer = <T>(value: T): Promise<T> =>
    reachable ? Promise.resolve(value) : Promise.reject(new Failure('store_unavailable', 'down'))
  const source: ChangeSource = {
    last: () => answer(last),
    changesFrom: (number, limit) =>
      answer(rows.filter((row) => row.number >= number).slice(0, Math.min(limit, 3))),
  }
  return {
    source,
    commit: (id: string) => {
      tokens += 1
      last = { number: last.number + 1, token: tokens }
      rows.push({ ...last, change: { kind: 'key', id } })
    },
    prune: (count: number) => {
      rows = rows.slice(count)
    },
    /** What was committed after `number` never was. */
    restore: (number: number) => {
      rows = rows.filter((row) => row.number <= number)
      last = { number, token: rows.at(-1)?.token ?? 0 }
    },
    setReachable: (value: boolean) => {
      reachable = value
    },
  }
}

const setUp = async () => {
  const clock = createManualClock()
  const history = createHistory()
  const applied: string[] = []
  const apply = (change: Change) => applied.push('id' in change ? change.id : change.kind)
  const feed = createChangeFeed({ source: history.source, clock, apply })
  await feed.poll()
  applied.length = 0
  return { clock, history, applied, feed }
}

describe('the change feed', () => {
  test('applies what was committed, in order and once, however many there are', async () => {
    const { history, applied, feed } = await setUp()
    const ids = Array.from({ length: 10 }, (_, n) => `key_${n}`)
    for (const id of ids) history.commit(id)
    await feed.poll()
    await feed.poll()
    expect(applied).toEqual(ids)
    expect(feed.position()).toBe(10)
  })

  test('passes over what this process made itself and has applied already, and misses nothing between', async () => {
    const history = createHistory()
    const applied: string[] = []
    const own = new Set<number>()
    const feed = createChangeFeed({
      source: history.source,
      clock: createManualClock(),
      apply: (change) => applied.push('id' in change ? change.id : change.kind),
      isAnnounced: (token) => own.has(token),
    })
    await feed.poll()
    for (const id of ['key_1', 'key_own', 'key_3']) history.commit(id)
    own.add(2)
    await feed.poll()
    expect([applied, feed.position()]).toEqual([['everything', 'key_1', 'key_3'], 3])
  })

  test('forgets at its first poll what was learned before it', async () => {
    const history = createHistory()
    const applied: Change[] = []
    history.commit('key_1')
    const feed = createChangeFeed({
      source: history.source,
      clock: createManualClock(),
      apply: (change) => applied.push(change),
    })
    await feed.poll()
    expect(applied).toEqual([{ kind: 'everything' }])
  })

  test('forgets everything when changes were removed before it read them', async () => {
    const { history, applied, feed } = await setUp()
    history.commit('key_1')
    await feed.poll()
    for (const id of ['key_2', 'key_3', 'key_4']) history.commit(id)
    history.prune(2)
    await feed.poll()
    expect(applied).toEqual(['key_1', 'everything'])
    history.commit('key_5')
    await feed.poll()
    expect(applied).toEqual(['key_1', 'everything', 'key_5'])
  })

  test.each([
    ['shorter', 0],
    ['as long', 2],
    ['longer', 4],
  ])('forgets everything when the database was restored and its history is %s', async (_name, more) => {
    const { history, applied, feed } = await setUp()
    for (const id of ['key_1', 'key_2', 'key_3']) history.commit(id)
    await feed.poll()
    applied.length = 0
    history.restore(1)
    for (let n = 0; n < more; n += 1) history.commit(`other_${n}`)
    await feed.poll()
    expect(applied).toEqual(['everything'])
    history.commit('key_9')
    await feed.poll()
    expect(applied).toEqual(['everything', 'key_9'])
  })

  test('grows stale by the clock while it cannot be read, and misses nothing afterwards', async () => {
    const { clock, history, applied, feed } = await setUp()
    history.setReachable(false)
    clock.advance(5_000)
    await expect(feed.poll()).rejects.toMatchObject({ reason: 'store_unavailable' })
    expect(feed.stalenessMs()).toBe(5_000)
    history.commit('key_1')
    history.setReachable(true)
    await feed.poll()
    expect(applied).toEqual(['key_1'])
    expect(feed.stalenessMs()).toBe(0)
  })

  test('in any history, each change is applied or everything is forgotten after it', async () => {
    const step = fc.constantFrom('commit', 'commit', 'poll', 'prune', 'restore', 'lose', 'find')
    const carryOut = async (
      steps: readonly ('commit' | 'poll' | 'prune' | 'restore' | 'lose' | 'find')[],
    ) => {
      const { history, applied, feed } = await setUp()
      let unseen: string[] = []
      const actions = {
        commit: (id: string) => {
          history.commit(id)
          unseen.push(id)
        },
        prune: () => history.prune(1),
        restore: () => {
          history.restore(Math.max(0, (feed.position() ?? 0) - 1))
          unseen = []
        },
        lose: () => history.setReachable(false),
        find: () => history.setReachable(true),
        poll: async () => {
          applied.length = 0
          try {
            await feed.poll()
          } catch {
            return
          }
          if (!applied.includes('everything')) expect(applied).toEqual(unseen)
          unseen = []
        },
      }
      for (const [at, what] of steps.entries()) await actions[what](`key_${at}`)
    }
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), carryOut), { numRuns: 500 })
  })
})
