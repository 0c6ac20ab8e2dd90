// How long a refusal may rest on what was read, and what ends it early.
import { describe, expect, test } from 'vitest'
import { aRow, createScriptedEngine, DAY_END, NOON } from '../support/scripted-engine.ts'
import { aQuota } from '../support/virtual-keys.ts'

const quotas = (...ids: readonly number[]) => ids.map((id) => aQuota({ id }))
const FULL = { amount: 5, used: 5 }

describe('an exhausted row', () => {
  test('is remembered for less than a second: until then it costs no statement, after it one reading', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1, FULL))
    for (const laterMs of [0, 500, 499]) {
      engine.clock.advance(laterMs)
      const { call, answer } = engine.charge(quotas(1))
      expect(await answer).toMatchObject({
        outcome: 'exhausted',
        states: [{ remaining: 0, resetsAtMs: DAY_END }],
      })
      expect(call).toMatchObject({ storeReads: 0, storeWrites: 0 })
    }
    expect(await engine.sentSince()).toEqual([])
    engine.clock.advance(1)
    const { call, answer } = engine.charge(quotas(1))
    const reading = await engine.next()
    expect(reading).toMatchObject({ kind: 'read', ids: [1] })
    reading.done([aRow(1, FULL)])
    expect(await answer).toMatchObject({ outcome: 'exhausted' })
    expect(call).toMatchObject({ storeReads: 1, storeWrites: 0 })
  })

  test('never enters a group, also when it is found so while its waiter waits', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1))
    engine.charge(quotas(1))
    const one = await engine.next()
    const waiting = engine.charge(quotas(1))
    one.done([aRow(1, FULL)])
    expect(await waiting.answer).toMatchObject({ outcome: 'exhausted' })
    expect(await engine.sentSince()).toEqual([])
    expect(engine.counts.raised).toBe(0)
  })

  test('is open again when its window turns, within the second', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1, { ...FULL, windowEndMs: NOON + 300 }))
    engine.clock.advance(299)
    expect(await engine.charge(quotas(1)).answer).toMatchObject({ outcome: 'exhausted' })
    engine.clock.advance(1)
    engine.charge(quotas(1), 5)
    expect((await engine.next()).rows).toMatchObject([{ id: 1, units: 5, windowEndMs: DAY_END }])
  })

  test('is asked about again after a change, and has the room that the change made', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1, FULL))
    engine.view.doubt()
    const { answer } = engine.charge(quotas(1))
    const reading = await engine.next()
    expect(reading.kind).toBe('read')
    reading.done([aRow(1, { amount: 6, used: 5 })])
    const statement = await engine.next()
    statement.done([aRow(1, { amount: 6, used: 6 })])
    expect(await answer).toMatchObject({ outcome: 'charged' })
  })

  test('is no reason to refuse when it was asked about before the change and read after it', async () => {
    const engine = createScriptedEngine()
    const { answer } = engine.charge(quotas(1))
    const before = await engine.next()
    engine.view.doubt()
    before.done([aRow(1, FULL)])
    const after = await engine.next()
    expect(after.kind).toBe('read')
    after.done([aRow(1, FULL)])
    expect(await answer).toMatchObject({ outcome: 'exhausted' })
  })

  test('is no reason to refuse when a charge asked about it before the change', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1))
    engine.charge(quotas(1))
    const before = await engine.next()
    engine.view.doubt()
    const waiting = engine.charge(quotas(1))
    before.done([aRow(1, FULL)])
    const after = await engine.next()
    expect(after.kind).toBe('read')
    after.done([aRow(1, { amount: 6, used: 5 })])
    ;(await engine.next()).done([aRow(1, { amount: 6, used: 6 })])
    expect(await waiting.answer).toMatchObject({ outcome: 'charged' })
  })

  test('refuses with the states of all rows, in the order asked, each of them read within the second', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(2, { used: 7 }))
    engine.clock.advance(999)
    engine.know(aRow(1, FULL))
    expect(await engine.charge(quotas(2, 1)).answer).toMatchObject({
      outcome: 'exhausted',
      states: [
        { quota: { id: 2 }, used: 7, remaining: 93 },
        { quota: { id: 1 }, used: 5, remaining: 0 },
      ],
    })
    engine.clock.advance(1)
    engine.charge(quotas(2, 1))
    expect(await engine.next()).toMatchObject({ kind: 'read', ids: [2, 1] })
  })

  test('refuses by the units asked: fewer may fit', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1, { amount: 5, used: 3 }))
    expect(await engine.charge(quotas(1), 3).answer).toMatchObject({ states: [{ remaining: 2 }] })
    engine.charge(quotas(1), 2)
    expect((await engine.next()).rows).toMatchObject([{ units: 2 }])
  })

  test('an amount lowered below what is used refuses, with nothing remaining', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1, { amount: 2, used: 5 }))
    expect(await engine.charge(quotas(1)).answer).toMatchObject({
      outcome: 'exhausted',
      states: [{ amount: 2, used: 5, remaining: 0 }],
    })
  })
})

describe('a row that is retired, expired or gone', () => {
  test.each([
    { what: 'retired', row: aRow(1, { usableUntilMs: 0 }) },
    { what: 'expired at this very instant', row: aRow(1, { usableUntilMs: NOON }) },
  ])('$what: its charge is stale at once, beside one that is exhausted too', async ({ row }) => {
    const engine = createScriptedEngine()
    engine.know(row, aRow(2, FULL))
    for (const ids of [[1], [2, 1]])
      expect(await engine.charge(quotas(...ids)).answer).toEqual({ outcome: 'stale' })
    expect(await engine.sentSince()).toEqual([])
  })

  test('is read before anybody is told so, when it was never read', async () => {
    const engine = createScriptedEngine()
    const { call, answer } = engine.charge(quotas(1))
    ;(await engine.next()).done([])
    expect(await answer).toEqual({ outcome: 'stale' })
    expect(call).toMatchObject({ storeReads: 1, storeWrites: 0 })
  })

  test('is usable again after a change: a key enabled in this process is charged at once', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1, { usableUntilMs: 0 }))
    engine.view.doubt()
    engine.charge(quotas(1))
    ;(await engine.next()).done([aRow(1)])
    expect((await engine.next()).rows).toMatchObject([{ id: 1, units: 1 }])
  })
})
