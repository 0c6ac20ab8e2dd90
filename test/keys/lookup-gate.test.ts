// The gate in front of the store's look-ups: how many run, who waits, and what happens when the store does not answer.
import { describe, expect, test } from 'vitest'
import { createCall } from '../../src/kernel/call.ts'
import { Failure } from '../../src/kernel/failure.ts'
import { createGateRig } from '../support/lookup-gate-rig.ts'
import { turn } from '../support/loop-turns.ts'
import { until } from '../support/until.ts'
import { aKey } from '../support/virtual-keys.ts'

const QUEUE = 64
const TOGETHER = 16

describe('at most so many look-ups at once', () => {
  test('one more waits, and the first that came is the first that is served', async () => {
    const { store, gate, find, fill, replyNext } = createGateRig(2)
    const order: number[] = []
    const asked = (await fill(2)).map((each, at) => each.then(() => order.push(at)))
    for (let at = 2; at < 2 + 3 * TOGETHER; at += 1) asked.push(find().then(() => order.push(at)))
    await turn()
    let most = 0
    for (const served of [1, 2, 2 + TOGETHER, 2 + 2 * TOGETHER, 2 + 3 * TOGETHER]) {
      most = Math.max(most, store.waiting.length)
      await replyNext(aKey())
      await until(() => order.length === served)
    }
    await Promise.all(asked)
    expect(most).toBe(2)
    expect(order).toEqual(asked.map((_, at) => at))
    expect([gate.inFlight(), gate.waiting()]).toEqual([0, 0])
  })

  test('the queue is bounded: one beyond it is refused as overload and costs the store nothing', async () => {
    const { store, gate, refusals, find, fill, replyNext } = createGateRig(1)
    const asked = [...(await fill(1)), ...Array.from({ length: QUEUE }, () => find())]
    await expect(find()).rejects.toMatchObject({ reason: 'overloaded' })
    expect(refusals).toEqual(['queue_full'])
    expect([gate.inFlight(), gate.waiting(), store.lookups()]).toEqual([1, QUEUE, 1])
    for (let statements = 0; statements < 1 + QUEUE / TOGETHER; statements += 1) await replyNext(undefined)
    await Promise.all(asked)
    expect([gate.inFlight(), store.lookups()]).toEqual([0, 1 + QUEUE / TOGETHER])
  })

  test('who waited too long is refused as overload, and the store is never asked for it', async () => {
    const { clock, store, refusals, find, fill, replyNext } = createGateRig(1)
    const first = await fill(1)
    const late = find(createCall(clock.monotonicMs()))
    await expect(late).rejects.toMatchObject({ reason: 'overloaded' })
    expect(refusals).toEqual(['waited_too_long'])
    await replyNext(aKey())
    await Promise.all(first)
    expect(store.lookups()).toBe(1)
  })

  test('a look-up that fails or throws gives its place back', async () => {
    const { gate, find, failNext } = createGateRig(1)
    for (const error of [new Failure('store_unavailable', 'down'), new Error('a bug')]) {
      const asked = find()
      await failNext(error)
      await expect(asked).rejects.toBe(error)
    }
    expect(gate.inFlight()).toBe(0)
  })

  test('a look-up is counted for whoever asked, and given no longer than a store that works needs', async () => {
    const { clock, store, call, find } = createGateRig()
    const patient = call()
    const asked = [find(patient)]
    await turn()
    asked.push(find(createCall(clock.monotonicMs() + 60)))
    await turn()
    expect(store.waiting.map((lookup) => lookup.call.deadlineMs - clock.monotonicMs())).toEqual([1_500, 60])
    for (const lookup of store.waiting.splice(0)) lookup.reply(undefined)
    await Promise.all(asked)
    expect(patient.storeReads).toBe(1)
  })

  test('while the process has too much in flight nothing is looked up', async () => {
    const { store, refusals, load, find, replyNext } = createGateRig()
    load.mayLookUp = false
    await expect(find()).rejects.toMatchObject({ reason: 'overloaded' })
    expect([refusals, store.lookups()]).toEqual([['busy'], 0])
    load.mayLookUp = true
    const asked = find()
    await replyNext(aKey())
    expect((await asked).key?.id).toBe('key_1')
  })
})

describe('a store that fails each time', () => {
  test('is not asked any more, and who would ask is told at once that it is unavailable, never that a key is absent', async () => {
    const { store, refusals, find, failOnce } = createGateRig()
    for (let each = 0; each < 4; each += 1) await failOnce()
    for (let each = 0; each < 100; each += 1)
      await expect(find()).rejects.toMatchObject({ reason: 'store_unavailable' })
    expect(store.lookups()).toBe(4)
    expect(new Set(refusals)).toEqual(new Set(['circuit_open']))
  })

  test('frees everybody who waits for it in the same moment', async () => {
    const { store, gate, find, fill, failNext } = createGateRig(4)
    const asked = [...(await fill(4)), ...Array.from({ length: 96 }, () => find())].map((each) =>
      each.catch((error: Failure) => error.reason),
    )
    for (let each = 0; each < 4; each += 1) {
      await until(() => store.waiting.length === 4)
      await failNext(new Failure('deadline_exceeded', 'late'))
    }
    await until(() => gate.waiting() === 0)
    for (const hung of store.waiting.splice(0)) hung.fail(new Failure('deadline_exceeded', 'late'))
    const reasons = await Promise.all(asked)
    const asking = 4 + 3 * TOGETHER
    expect(reasons.filter((reason) => reason === 'store_unavailable')).toHaveLength(100 - asking)
    expect(store.lookups()).toBe(7)
  })

  test('is asked once a second, and everybody is served again from the first answer on', async () => {
    const { clock, store, find, failOnce, replyNext } = createGateRig()
    for (let each = 0; each < 4; each += 1) await failOnce()
    for (let second = 0; second < 3; second += 1) {
      clock.advance(999)
      await expect(find()).rejects.toMatchObject({ reason: 'store_unavailable' })
      clock.advance(1)
      await failOnce()
      await expect(find()).rejects.toMatchObject({ reason: 'store_unavailable' })
    }
    expect(store.lookups()).toBe(7)
    clock.advance(1_000)
    const probe = find()
    await replyNext(aKey())
    expect((await probe).key?.id).toBe('key_1')
    const after = [find(), find(), find()]
    await turn()
    for (const lookup of store.waiting.splice(0)) lookup.reply(aKey())
    expect(await Promise.all(after)).toHaveLength(3)
  })

  test('a probe that hangs delays no other: recovery takes a second, not as long as a look-up may', async () => {
    const { clock, store, find, failOnce, replyNext } = createGateRig()
    for (let each = 0; each < 4; each += 1) await failOnce()
    clock.advance(1_000)
    const hanging = find()
    await turn()
    clock.advance(1_000)
    const second = find()
    await turn()
    const [hung, probe] = store.waiting.splice(0)
    probe?.reply(aKey())
    await second
    hung?.fail(new Failure('deadline_exceeded', 'late'))
    await expect(hanging).rejects.toMatchObject({ reason: 'deadline_exceeded' })
    const after = find()
    await replyNext(aKey())
    expect((await after).key?.id).toBe('key_1')
  })

  test('one answer in between, or our own bugs and refusals, do not make a store that fails each time', async () => {
    const { circuit, find, failOnce, replyNext, failNext } = createGateRig()
    for (let each = 0; each < 3; each += 1) await failOnce()
    const good = find()
    await replyNext(undefined)
    await good
    for (let each = 0; each < 3; each += 1) await failOnce()
    for (const error of [new Error('a bug'), new Failure('overloaded', 'full')]) {
      const asked = find()
      await failNext(error)
      await expect(asked).rejects.toBe(error)
    }
    expect(circuit.isOpen()).toBe(false)
  })
})
