// Look-ups that wait for a place go to the store together: who is asked for, who pays, and what one of them can do to the others.
import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, test } from 'vitest'
import { createCall } from '../../src/kernel/call.ts'
import { digestName } from '../../src/kernel/digest-name.ts'
import { Failure } from '../../src/kernel/failure.ts'
import { createGateRig } from '../support/lookup-gate-rig.ts'
import { turn } from '../support/loop-turns.ts'
import { aDigest } from '../support/stores.ts'
import { until } from '../support/until.ts'
import { aKey } from '../support/virtual-keys.ts'

const TOGETHER = 16

/** One look-up under way in the one place that there is. */
const busyRig = async () => {
  const rig = createGateRig(1)
  const first = await rig.fill(1)
  /** Lets it go, and returns the statement that follows. */
  const following = async () => {
    await rig.replyNext(undefined)
    await Promise.all(first)
    return rig.next()
  }
  return { ...rig, following }
}

const digests = (count: number): readonly Uint8Array[] => Array.from({ length: count }, () => aDigest())
const named = (digest: Uint8Array) => aKey({ id: digestName(digest) })

describe('look-ups that wait for a place', () => {
  test('who need not wait is looked up in the same turn of the loop, with who asks in the same turn', async () => {
    const { store, find } = createGateRig(4)
    for (const [turns, count] of [1, 3, 1].entries()) {
      for (let each = 0; each < count; each += 1) void find()
      await turn()
      expect(store.waiting).toHaveLength(1 + turns)
    }
    expect(store.waiting.map((lookup) => lookup.digests.length)).toEqual([1, 3, 1])
    for (const lookup of store.waiting) lookup.reply(undefined)
  })

  test('who does not fit in one statement takes the next place that is free', async () => {
    const { store, gate, find } = createGateRig(3)
    const asked = Array.from({ length: 5 * TOGETHER }, () => find())
    await turn()
    expect(store.waiting.map((lookup) => lookup.digests.length)).toEqual([TOGETHER, TOGETHER, TOGETHER])
    expect([gate.inFlight(), gate.waiting()]).toEqual([3, 2 * TOGETHER])
    for (let replied = 0; replied < 5; replied += 1) {
      await until(() => store.waiting.length > 0)
      store.waiting.shift()?.reply(undefined)
    }
    await Promise.all(asked)
    expect(gate.inFlight()).toBe(0)
  })

  test('a place that gets free takes all who wait, 16 at most, in one statement, and each is told of its own key', async () => {
    const { store, gate, find, call, following, next } = await busyRig()
    const wanted = digests(TOGETHER + 3)
    const asked = wanted.map((digest) => find(call(), digest))
    const group = await following()
    expect([group.digests, gate.inFlight(), gate.waiting()]).toEqual([wanted.slice(0, TOGETHER), 1, 3])
    group.replyEach(named)
    await until(() => store.waiting.length === 1)
    const rest = await next()
    expect(rest.digests).toEqual(wanted.slice(TOGETHER))
    rest.replyEach(named)
    expect((await Promise.all(asked)).map(({ key }) => key?.id)).toEqual(wanted.map(digestName))
    expect([store.lookups(), gate.inFlight()]).toEqual([3, 0])
  })

  test('each who asked has paid for the statement, its repetitions too', async () => {
    const { find, call, following } = await busyRig()
    const calls = [call(), call(), call()]
    const asked = calls.map((each) => find(each))
    const group = await following()
    group.call.storeReads += 1
    group.reply(undefined)
    await Promise.all(asked)
    expect(calls.map(({ storeReads }) => storeReads)).toEqual([2, 2, 2])
  })

  test('it may take as long as the most patient of them waits, and no longer than a store that works needs', async () => {
    for (const [patienceMs, expected] of [
      [[500, 900, 300], 900],
      [[500, 60_000], 1_500],
    ] as const) {
      const { clock, find, following } = await busyRig()
      const asked = patienceMs.map((ms) => find(createCall(clock.monotonicMs() + ms)))
      const group = await following()
      expect(group.call.deadlineMs - clock.monotonicMs()).toBe(expected)
      group.reply(undefined)
      await Promise.all(asked)
    }
  })

  test('who has left, or would not be there for the answer, is not asked for', async () => {
    const { clock, store, refusals, find, call, following } = await busyRig()
    const [gone, hasty] = [call(), createCall(clock.monotonicMs() + 50)]
    const wanted = digests(2)
    const asked = [find(gone).catch(reasonOf), find(hasty).catch(reasonOf)]
    const staying = wanted.map((digest) => find(call(), digest))
    gone.cancelled = true
    clock.advance(50)
    const group = await following()
    expect(group.digests).toEqual(wanted)
    expect(await Promise.all(asked)).toEqual(['deadline_exceeded', 'overloaded'])
    expect(refusals).toEqual(['waited_too_long'])
    group.reply(undefined)
    await Promise.all(staying)
    expect([gone.storeReads, hasty.storeReads, store.lookups()]).toEqual([0, 0, 2])
  })

  test('when nobody of them is left, the place is free', async () => {
    const { store, gate, find, call, replyNext } = await busyRig()
    const gone = call()
    const asked = find(gone).catch(reasonOf)
    gone.cancelled = true
    await replyNext(undefined)
    expect(await asked).toBe('deadline_exceeded')
    expect([gate.inFlight(), gate.waiting(), store.lookups()]).toEqual([0, 0, 1])
  })

  test('a failure fails all of them, and is one failure of the store', async () => {
    const { circuit, find, following, failNext } = await busyRig()
    const asked = Array.from({ length: TOGETHER }, () => find().catch(reasonOf))
    const group = await following()
    group.fail(new Failure('store_unavailable', 'down'))
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['store_unavailable']))
    for (let each = 0; each < 2; each += 1) {
      const alone = find().catch(reasonOf)
      await failNext(new Failure('store_unavailable', 'down'))
      await alone
    }
    expect(circuit.isOpen()).toBe(false)
    const last = find().catch(reasonOf)
    await failNext(new Failure('store_unavailable', 'down'))
    await last
    expect(circuit.isOpen()).toBe(true)
  })

  test('a key that cannot be understood harms no other, and says nothing of the store', async () => {
    const { circuit, find, call, following } = await busyRig()
    const wanted = digests(TOGETHER)
    const bug = new TypeError('a limit of a unit that is unknown here')
    const asked = wanted.map((digest) => find(call(), digest))
    const group = await following()
    group.replyEach((digest) => (digest === wanted[5] ? bug : named(digest)))
    const told = await Promise.allSettled(asked)
    for (const [at, digest] of wanted.entries())
      expect(told[at]).toMatchObject(
        at === 5 ? { reason: bug } : { value: { key: { id: digestName(digest) } } },
      )
    expect(circuit.isOpen()).toBe(false)
  })

  test('who knows another registry than the rest still gets the one that is', async () => {
    const { store, find, call, following, replyNext } = await busyRig()
    const document = { policies: [], guardrails: ['pii'], models: [] }
    store.setRegistry(8, document)
    const asked = [8, 7, 8].map((known) => find(call(), aDigest(), known))
    ;(await following()).reply(undefined)
    for (const { registryVersion, registry } of await Promise.all(asked))
      expect({ registryVersion, registry }).toEqual({ registryVersion: 8, registry: document })
    const busy = find()
    await turn()
    const alike = [8, 8].map((known) => find(call(), aDigest(), known))
    await replyNext(undefined)
    await busy
    await replyNext(undefined)
    for (const { registry } of await Promise.all(alike)) expect(registry).toBeUndefined()
  })

  test('a look-up of one, and each of several, runs as whoever asked for it', async () => {
    const asker = new AsyncLocalStorage<string>()
    const rig = createGateRig(1)
    const seen: unknown[] = []
    const { find, findAll } = rig.store
    Object.assign(rig.store, {
      find: (...asked: Parameters<typeof find>) => {
        seen.push(asker.getStore())
        return find(...asked)
      },
      findAll: (...asked: Parameters<typeof findAll>) => {
        seen.push(asked[0].map(({ within }) => within(() => asker.getStore())))
        return findAll(...asked)
      },
    } satisfies Partial<typeof rig.store>)
    const ask = (name: string) => asker.run(name, () => rig.find())
    const asked = [ask('ann')]
    await turn()
    asked.push(ask('bob'))
    await rig.replyNext(undefined)
    await asked[0]
    asked.push(...['cid', 'dan'].map(ask))
    await rig.replyNext(undefined)
    await asked[1]
    await rig.replyNext(undefined)
    await Promise.all(asked)
    expect(seen).toEqual(['ann', 'bob', ['cid', 'dan']])
  })
})

const reasonOf = (error: unknown): string => (error instanceof Failure ? error.reason : String(error))
