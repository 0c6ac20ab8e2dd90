// Who serves is known, and a change is confirmed when none of them can serve what was right before it.
import { describe, expect, test } from 'vitest'
import { Failure } from '../../src/kernel/failure.ts'
import { awaitConfirmation, HEARD_WITHIN_MS } from '../../src/keys/confirmation.ts'
import { createPresence } from '../../src/keys/presence.ts'
import type { Replica, ReplicaBook } from '../../src/keys/replica-book.ts'
import { createManualClock } from '../support/manual-clock.ts'

const aReplica = (more: Partial<Replica> = {}): Replica => ({
  id: 'one',
  name: 'host/1',
  position: 0,
  servesMs: 60_000,
  ...more,
})

const createBook = () => {
  const clock = createManualClock()
  const rows = new Map<string, Replica & { seenMs: number }>()
  let held: PromiseWithResolvers<void> | undefined
  let reachable = true
  let words = 0
  const book: ReplicaBook = {
    confirm: async (replica) => {
      words += 1
      await held?.promise
      if (!reachable) throw new Failure('store_unavailable', 'down')
      rows.set(replica.id, { ...replica, seenMs: clock.now() })
    },
    leave: async (id) => {
      rows.delete(id)
    },
    heardSince: async (sinceMs) => [...rows.values()].filter(({ seenMs }) => seenMs >= sinceMs),
  }
  return {
    clock,
    book,
    rows,
    words: () => words,
    hold: () => {
      held = Promise.withResolvers()
      return held
    },
    setReachable: (value: boolean) => {
      reachable = value
    },
  }
}

describe('a change is confirmed', () => {
  const awaiting = (all: ReturnType<typeof createBook>, each: () => Promise<void>) =>
    awaitConfirmation(7, { replicas: all.book, clock: all.clock, pause: each })

  test('when every replica has applied it, whichever of them is last', async () => {
    const all = createBook()
    await all.book.confirm(aReplica({ position: 7 }))
    await all.book.confirm(aReplica({ id: 'two', position: 6 }))
    let pauses = 0
    const { confirmed, silent } = await awaiting(all, async () => {
      pauses += 1
      all.clock.advance(50)
      if (pauses === 3) await all.book.confirm(aReplica({ id: 'two', position: 9 }))
    })
    expect(pauses).toBe(3)
    expect(confirmed.map(({ id }) => id)).toEqual(['one', 'two'])
    expect(silent).toEqual([])
  })

  test('by time alone when a replica is silent: exactly when it can serve nothing that old any more', async () => {
    const all = createBook()
    await all.book.confirm(aReplica({ position: 6, servesMs: 2_000 }))
    let waitedMs = 0
    const { confirmed, silent } = await awaiting(all, async () => {
      waitedMs += 50
      all.clock.advance(50)
    })
    expect(waitedMs).toBe(2_000)
    expect([confirmed.length, silent.map(({ id }) => id)]).toEqual([0, ['one']])
  })

  test('and who was heard of shortly before the change is waited for as long as it may serve, however long it is silent', async () => {
    const all = createBook()
    await all.book.confirm(aReplica({ position: 6, servesMs: 10_000 }))
    all.clock.advance(HEARD_WITHIN_MS - 1_000)
    let waitedMs = 0
    const { silent } = await awaiting(all, async () => {
      waitedMs += 500
      all.clock.advance(500)
    })
    expect([waitedMs, silent.map(({ id }) => id)]).toEqual([10_000, ['one']])
  })

  test('and a wall clock that is set forward ends no waiting early', async () => {
    const all = createBook()
    await all.book.confirm(aReplica({ position: 6, servesMs: 2_000 }))
    let setForwardMs = 0
    const clock = { ...all.clock, now: () => all.clock.now() + setForwardMs }
    let waitedMs = 0
    const pause = async () => {
      waitedMs += 50
      all.clock.advance(50)
      setForwardMs = 3_600_000
    }
    await awaitConfirmation(7, { replicas: all.book, clock, pause })
    expect(waitedMs).toBe(2_000)
  })

  test('at once when nobody serves, and of those who have not been heard of for long nobody is waited for', async () => {
    const all = createBook()
    const never = () => Promise.reject(new Error('it waited'))
    expect(await awaiting(all, never)).toEqual({ confirmed: [], silent: [] })
    await all.book.confirm(aReplica())
    all.clock.advance(HEARD_WITHIN_MS + 1)
    expect(await awaiting(all, never)).toEqual({ confirmed: [], silent: [] })
  })
})

describe('a process that serves', () => {
  const setUp = () => {
    const all = createBook()
    const failures: unknown[] = []
    const presence = createPresence({
      book: all.book,
      clock: all.clock,
      ...aReplica(),
      failed: (error) => failures.push(error),
    })
    const said = async (position: number) => {
      presence.polled(position)
      await Promise.resolve()
      await Promise.resolve()
    }
    return { ...all, failures, presence, said }
  }

  test('tells each position that it reached, and that it is there every five seconds', async () => {
    const { clock, rows, words, said } = setUp()
    await said(1)
    await said(1)
    expect([rows.get('one')?.position, words()]).toEqual([1, 1])
    await said(2)
    expect([rows.get('one')?.position, words()]).toEqual([2, 2])
    clock.advance(4_999)
    await said(2)
    expect(words()).toBe(2)
    clock.advance(1)
    await said(2)
    expect(words()).toBe(3)
  })

  test('says one thing at a time, and the last one in the end', async () => {
    const { rows, words, hold, said } = setUp()
    const held = hold()
    await said(1)
    await said(2)
    await said(3)
    expect(words()).toBe(1)
    held.resolve()
    await held.promise
    await said(3)
    await said(3)
    expect([rows.get('one')?.position, words()]).toEqual([3, 2])
  })

  test('goes on when a word did not arrive, and says it again', async () => {
    const { rows, failures, setReachable, said } = setUp()
    setReachable(false)
    await said(1)
    expect(failures).toHaveLength(1)
    setReachable(true)
    await said(1)
    expect(rows.get('one')?.position).toBe(1)
  })

  test('takes its leave after what it was saying: it is not counted again by a word that came late', async () => {
    const { rows, hold, presence, said } = setUp()
    await said(1)
    const held = hold()
    await said(2)
    const closing = presence.close()
    held.resolve()
    await closing
    await Promise.resolve()
    expect([...rows]).toEqual([])
  })

  test('ends all the same when its leave does not arrive', async () => {
    const { book, failures, presence, said } = setUp()
    await said(1)
    Object.assign(book, { leave: () => Promise.reject(new Failure('store_unavailable', 'down')) })
    await presence.close()
    expect(failures).toHaveLength(1)
  })

  test('takes its leave, and says nothing afterwards', async () => {
    const { rows, presence, said } = setUp()
    await said(1)
    await presence.close()
    await said(2)
    expect([...rows]).toEqual([])
  })
})
