// Keys that worked longer than they should have, or were asked for more often than anybody can bear.
import { describe, expect, test } from 'vitest'
import { createCall } from '../../src/kernel/call.ts'
import type { Change } from '../../src/keys/change-feed.ts'
import { createChangeFeed } from '../../src/keys/change-feed.ts'
import { createKeyDirectory } from '../../src/keys/key-directory.ts'
import type { KeyLookup, KeyStore } from '../../src/keys/key-store.ts'
import { aKeyIn, anApp } from '../support/app-rig.ts'
import { createCheckRig } from '../support/check-rig.ts'
import { onClose } from '../support/closing.ts'
import { turn } from '../support/loop-turns.ts'
import { createKey, describeEveryStore } from '../support/stores.ts'

const FOR_EVER = { cache_positive_ttl: '1h', cache_unfed_ttl: '1h' }
const CACHE = {
  maxEntries: 1_000,
  maxBytes: 10_000_000,
  positiveTtlMs: 3_600_000,
  unfedTtlMs: 3_600_000,
  staleGraceMs: 0,
  absentTtlMs: 1_000,
  lookupTimeoutMs: 60_000,
}

describe('LiteLLM #1775 #2149 #9820 #33560, Kong #3836, Tyk #2293: a key that was revoked elsewhere', () => {
  test('is refused by every replica as soon as its feed was read, and never admitted again', async () => {
    const here = await anApp()
    const there = await anApp({ ...FOR_EVER, database_url: here.databaseUrl, feed_interval: '10ms' })
    const { id, secret } = await aKeyIn(here.app.store)
    for (const replica of [here, there]) expect(await replica.answer(secret)).toMatchObject({ allowed: true })
    await here.app.store.keyBook.revokeKey(id)
    expect(await here.answer(secret)).toMatchObject({ reason: 'invalid_key' })
    await expect
      .poll(() => there.answer(secret), { timeout: 20_000 })
      .toMatchObject({ reason: 'invalid_key' })
    for (let again = 0; again < 20; again += 1)
      expect(await there.answer(secret)).toMatchObject({ reason: 'invalid_key' })
  })

  test('is refused at once where it is charged, whatever is cached and however seldom the feed is read', async () => {
    const here = await anApp()
    const there = await anApp({ ...FOR_EVER, database_url: here.databaseUrl, feed_interval: '1m' })
    const limits = [{ unit: 'requests', period: 'day', zone: 'UTC', amount: 100 }] as const
    const { id, secret } = await aKeyIn(here.app.store, { limits })
    expect(await there.answer(secret)).toMatchObject({ allowed: true })
    await here.app.store.keyBook.revokeKey(id)
    expect(await there.answer(secret)).toMatchObject({ reason: 'invalid_key' })
  })
})

describeEveryStore('a revoked key and a slow look-up', (get) => {
  /** The real store, whose replies are kept until the test lets them go. */
  const slowly = ({ find }: KeyStore) => {
    const reading: Promise<KeyLookup>[] = []
    const kept: (() => void)[] = []
    const slow: KeyStore = {
      find: async (...asked) => {
        const read = find(...asked)
        const gate = Promise.withResolvers<void>()
        reading.push(read)
        kept.push(gate.resolve)
        await gate.promise
        return read
      },
    }
    /** What was asked for has been read; nobody was told yet. */
    const readAll = () => Promise.all(reading)
    return {
      slow,
      readAll,
      reply: () => kept.shift()?.(),
      replyToAll: () => {
        for (const letGo of kept.splice(0)) letGo()
      },
    }
  }

  /** Two callers, and a revocation of which this replica is told. */
  const orders = ordersOf([
    ['ask', 'reply'],
    ['ask', 'reply'],
    ['revoke', 'tell'],
  ])

  const carryOut = async (order: readonly string[]) => {
    const { store, clock } = get()
    const { id, digest } = await createKey(get())
    const { slow, readAll, reply, replyToAll } = slowly(store.keyStore)
    const directory = createKeyDirectory({ store: slow, clock, options: CACHE })
    const find = async () => directory.find(digest, createCall(clock.monotonicMs() + 60_000))
    const asked: Promise<unknown>[] = []
    for (const step of order) {
      if (step === 'ask') asked.push(find())
      if (step === 'reply') reply()
      if (step === 'revoke') await store.keyBook.revokeKey(id)
      if (step === 'tell') directory.apply({ kind: 'key', id })
      await readAll()
      await turn()
    }
    await untilAnswered(asked, replyToAll)
    const last = find()
    await untilAnswered([last], replyToAll)
    return (await last).key?.revoked
  }

  // A fill that read the key before it was revoked was stored after the cache had been cleared.
  test(`LiteLLM #25553, solana-developer-platform #1214: in none of ${orders.length} orders does a look-up bring it back`, async () => {
    for (const order of orders)
      expect({ order, revoked: await carryOut(order) }).toEqual({ order, revoked: true })
  })

  // Rows of an outbox became visible in another order than that of their numbers, and were passed over.
  test('Gravitino #12377 #11736, Kong #8176 #5247: of changes committed at once by many, each is heard of, and a gap forgets everything', async () => {
    const writers = [get().store, await get().openAgain(), await get().openAgain()]
    for (const writer of writers.slice(1)) onClose(() => writer.close())
    const keys = await Promise.all(Array.from({ length: 60 }, async () => (await createKey(get())).id))
    const heard: Change[] = []
    const feed = createChangeFeed({
      source: get().store.changes,
      clock: get().clock,
      apply: (change) => heard.push(change),
    })
    await feed.poll()
    const from = feed.position() ?? 0
    heard.length = 0
    let writing = true
    const written = Promise.all(
      keys.map(async (id, at) => writers[at % writers.length]?.keyBook.setKeyDisabled(id, true)),
    ).finally(() => {
      writing = false
    })
    while (writing) {
      await feed.poll()
      await turn()
    }
    await written
    await feed.poll()
    expect(heard.map((change) => ('id' in change ? change.id : change.kind)).toSorted()).toEqual(
      keys.toSorted(),
    )
    const rows = await get().read(`SELECT number FROM change_feed WHERE number > ${from} ORDER BY number`)
    expect(rows.map(({ number }) => Number(number))).toEqual(keys.map((_, at) => from + at + 1))

    heard.length = 0
    for (const id of keys.slice(0, 3)) await get().store.keyBook.revokeKey(id)
    await get().write(`DELETE FROM change_feed WHERE number = ${from + keys.length + 2}`)
    await feed.poll()
    expect(heard).toEqual([{ kind: 'everything' }])
  })
})

// Nobody waited for the others: each of them asked the database, or paid for the slow hash again.
test('Authorino #663, opencomputer #671: 10,000 at once with one cold key, or one that has just run out of the cache, cause one look-up', async () => {
  const rig = await createCheckRig()
  onClose(rig.close)
  const { secret } = await rig.createKey()
  const headers = [['x-api-key', secret]] as const
  for (const _ of ['cold', 'run out']) {
    const asked = await Promise.all(Array.from({ length: 10_000 }, () => rig.ask({ headers })))
    expect(asked.filter(({ decision }) => decision.outcome !== 'allow')).toEqual([])
    expect(rig.storeCalls()).toBe(1)
    rig.clock.advance(3_600_000)
  }
})

// Callers were cut off by the rotation, and one that had to be repeated made a third secret.
test.todo('LiteLLM #13579 #27193 #38351: both secrets are valid for the grace time (needs rotation)')

/** Whoever looks again, because what it was told is known to be old, is let go too. */
const untilAnswered = async (asked: readonly Promise<unknown>[], replyToAll: () => void) => {
  let answered = false
  const all = Promise.all(asked).finally(() => {
    answered = true
  })
  while (!answered) {
    replyToAll()
    await turn()
  }
  await all
}

/** All orders of the steps of several, each of whom keeps to his own; what differs only in who does it is one order. */
function ordersOf(threads: readonly (readonly string[])[]): readonly (readonly string[])[] {
  if (threads.every(({ length }) => length === 0)) return [[]]
  const orders = threads.flatMap(([step, ...rest], at) =>
    step === undefined ? [] : ordersOf(threads.with(at, rest)).map((order) => [step, ...order]),
  )
  return [...new Map(orders.map((order) => [order.join(), order])).values()]
}
