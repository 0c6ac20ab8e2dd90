// What the engine does when a group does not fit, when its reply is lost, and when nobody answers.
import { describe, expect, test } from 'vitest'
import type { ScriptedEngine } from '../support/scripted-engine.ts'
import { aRow, createScriptedEngine, DAY_END } from '../support/scripted-engine.ts'
import { aQuota } from '../support/virtual-keys.ts'

const quotas = (...ids: readonly number[]) => ids.map((id) => aQuota({ id }))
const taken = (rows: readonly { id: number; units: number }[]) => rows.map(({ id, units }) => [id, units])
const UNKNOWN = { reason: 'store_unavailable', chargeUnknown: true }
const UNREACHABLE = { reason: 'store_unavailable', chargeUnknown: false }

/** Raised, read and found fitting, raised again: the next statement goes under locks. */
const raiseTwice = async (engine: ScriptedEngine, ...rows: readonly ReturnType<typeof aRow>[]) => {
  ;(await engine.next()).raised()
  ;(await engine.next()).done(rows)
  ;(await engine.next()).raised()
  return engine.next()
}

describe('a group that raises', () => {
  test('is read and planned again: who fits by the new view is charged, who does not is refused', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1, { amount: 3 }), aRow(2))
    const [one, two] = [engine.charge(quotas(1, 2), 2), engine.charge(quotas(1))]
    const first = await engine.next()
    first.raised()
    const reading = await engine.next()
    expect(reading).toMatchObject({ kind: 'read', ids: [1, 2] })
    reading.done([aRow(1, { amount: 3, used: 2 }), aRow(2)])
    expect(await one.answer).toMatchObject({ outcome: 'exhausted' })
    const second = await engine.next()
    expect(second.kind).toBe('charge')
    expect(taken(second.rows)).toEqual([[1, 1]])
    second.done([aRow(1, { amount: 3, used: 3 })])
    expect(await two.answer).toMatchObject({ outcome: 'charged' })
    expect(two.call).toMatchObject({ storeReads: 1, storeWrites: 2 })
    expect(engine.counts).toMatchObject({ raised: 1, unknown: 0, wasted: 0, answered: 1 })
  })

  test('twice in a row goes under locks, is planned by what is read there, and told by it', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1, { amount: 4 }), aRow(2))
    const answers = [engine.charge(quotas(1), 2), engine.charge(quotas(2, 1), 2)].map(({ answer }) => answer)
    const locked = await raiseTwice(engine, aRow(1, { amount: 4 }), aRow(2))
    expect(locked).toMatchObject({ kind: 'locked', ids: [1, 2] })
    const under = [aRow(1, { amount: 4, used: 1 }), aRow(2, { used: 8 })]
    expect(taken(locked.plan(under))).toEqual([[1, 2]])
    locked.done(under)
    expect(await answers[0]).toMatchObject({ outcome: 'charged', states: [{ used: 3, remaining: 1 }] })
    expect(await answers[1]).toMatchObject({ outcome: 'exhausted', states: [{ used: 8 }, { used: 3 }] })
    expect(engine.groups).toEqual([{ charges: 1, rows: 1, form: 'locked' }])
  })

  test('goes without locks again after one that was charged, and by the clock of its own time', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1))
    engine.charge(quotas(1))
    const locked = await raiseTwice(engine, aRow(1))
    locked.plan([aRow(1)])
    locked.done([aRow(1)])
    await engine.sentSince()
    engine.clock.advance(86_400_000)
    engine.charge(quotas(1))
    const statement = await engine.next()
    expect(statement.kind).toBe('charge')
    expect(statement.rows).toMatchObject([{ windowEndMs: DAY_END + 86_400_000 }])
  })

  test('under locks drops who left meanwhile, and plans anew when it was tried anew', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1))
    const [left, stays] = [engine.charge(quotas(1), 3), engine.charge(quotas(1))]
    const locked = await raiseTwice(engine, aRow(1))
    expect(taken(locked.plan([aRow(1)]))).toEqual([[1, 4]])
    left.call.cancelled = true
    expect(taken(locked.plan([aRow(1, { used: 5 })]))).toEqual([[1, 1]])
    locked.done([aRow(1, { used: 5 })])
    expect(await stays.answer).toMatchObject({ outcome: 'charged', states: [{ used: 6 }] })
    expect(await left.answer).toMatchObject({ reason: 'deadline_exceeded', chargeUnknown: false })
  })

  test('finds nothing that fits under locks: everybody is refused, nothing was charged', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1))
    const { answer } = engine.charge(quotas(1))
    const locked = await raiseTwice(engine, aRow(1))
    const full = [aRow(1, { used: 100 })]
    expect(locked.plan(full)).toEqual([])
    locked.done(full)
    expect(await answer).toMatchObject({ outcome: 'exhausted' })
    expect(engine.groups).toEqual([])
  })

  test('for ever is overload, for those in the group and nobody else', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1))
    const { answer } = engine.charge(quotas(1))
    let last = await raiseTwice(engine, aRow(1))
    for (let raises = 3; raises < 10; raises += 1) {
      last.raised()
      last = await engine.next()
    }
    const other = engine.charge(quotas(1))
    last.raised()
    expect(await answer).toMatchObject({ reason: 'overloaded', chargeUnknown: false })
    ;(await engine.next()).done([aRow(1, { used: 1 })])
    expect(await other.answer).toMatchObject({ outcome: 'charged' })
  })
})

describe('a lost reply', () => {
  test('is unknown for all who were in the group, reported once, and for nobody else', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1), aRow(2))
    const group = [engine.charge(quotas(1, 2), 2), engine.charge(quotas(2), 3)]
    const one = await engine.next()
    const other = engine.charge(quotas(1))
    one.lost()
    for (const { answer } of group) expect(await answer).toMatchObject(UNKNOWN)
    expect(engine.counts.unknown).toBe(5)
    const two = await engine.next()
    expect(taken(two.rows)).toEqual([[1, 1]])
    two.done([aRow(1, { used: 1 })])
    expect(await other.answer).toMatchObject({ outcome: 'charged' })
    expect(engine.counts).toMatchObject({ unknown: 5, wasted: 0 })
  })

  test('of a commit under locks is unknown for those whom it carried; the others are judged again', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1, { amount: 4 }))
    const [carried, other] = [engine.charge(quotas(1), 3), engine.charge(quotas(1))]
    const locked = await raiseTwice(engine, aRow(1, { amount: 4 }))
    expect(taken(locked.plan([aRow(1, { amount: 4, used: 1 })]))).toEqual([[1, 3]])
    locked.lost()
    expect(await carried.answer).toMatchObject(UNKNOWN)
    expect(engine.counts.unknown).toBe(3)
    const again = await engine.next()
    expect(again.kind).toBe('locked')
    expect(taken(again.plan([aRow(1, { amount: 4, used: 3 })]))).toEqual([[1, 1]])
    again.done([aRow(1, { amount: 4, used: 3 })])
    expect(await other.answer).toMatchObject({ outcome: 'charged' })
  })

  test('of a reading is unknown for nobody: nothing was charged', async () => {
    const engine = createScriptedEngine()
    const { answer } = engine.charge(quotas(1))
    ;(await engine.next()).lost()
    expect(await answer).toMatchObject(UNREACHABLE)
    expect(engine.counts.unknown).toBe(0)
  })
})

describe('a database that cannot be reached', () => {
  test('is told to all who wait, and asked again by the next who comes', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1))
    const sent = engine.charge(quotas(1))
    const statement = await engine.next()
    const waiting = [engine.charge(quotas(1)), engine.charge(quotas(2))]
    statement.unreachable()
    for (const { answer } of [sent, ...waiting]) expect(await answer).toMatchObject(UNREACHABLE)
    expect(await engine.sentSince()).toEqual([])
    const next = engine.charge(quotas(1))
    ;(await engine.next()).done([aRow(1, { used: 1 })])
    expect(await next.answer).toMatchObject({ outcome: 'charged' })
    expect(engine.counts).toMatchObject({ unknown: 0, wasted: 0, answered: 1 })
  })

  test('for a reading is told to all who wait, also after a raise', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1))
    const raised = engine.charge(quotas(1))
    ;(await engine.next()).raised()
    const reading = await engine.next()
    const waiting = engine.charge(quotas(2))
    reading.unreachable()
    for (const { answer } of [raised, waiting]) expect(await answer).toMatchObject(UNREACHABLE)
  })
})

describe('a row that is gone', () => {
  test('makes its group stale and its units wasted, and is read before the next one', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1), aRow(2))
    const group = [engine.charge(quotas(1, 2), 2), engine.charge(quotas(2), 3)]
    ;(await engine.next()).torn()
    for (const { answer } of group) expect(await answer).toEqual({ outcome: 'stale' })
    expect(engine.counts).toMatchObject({ wasted: 5, unknown: 0 })
    engine.charge(quotas(2))
    expect((await engine.next()).kind).toBe('read')
  })
})

describe('the queue', () => {
  test('refuses one more than may wait as overload; those in flight do not wait any more', async () => {
    const engine = createScriptedEngine({ queueLimit: 2 })
    engine.know(aRow(1), aRow(2, { used: 100 }))
    engine.charge(quotas(1))
    const one = await engine.next()
    const waiting = [engine.charge(quotas(1)), engine.charge(quotas(1))]
    expect(await engine.charge(quotas(1)).answer).toMatchObject({
      reason: 'overloaded',
      chargeUnknown: false,
    })
    expect(await engine.charge(quotas(2)).answer).toMatchObject({ outcome: 'exhausted' })
    one.done([aRow(1, { used: 1 })])
    ;(await engine.next()).done([aRow(1, { used: 3 })])
    for (const { answer } of waiting) expect(await answer).toMatchObject({ outcome: 'charged' })
  })

  test('goes on when one of those who wait cannot even be planned, and charges nothing for that one', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1), aRow(2))
    const odd = engine.charge([aQuota({ id: 1 }), aQuota({ id: 2, zone: 'Nowhere/Else' })])
    const wrong = expect(odd.answer).rejects.toThrow(RangeError)
    const other = engine.charge(quotas(1))
    const statement = await engine.next()
    expect(taken(statement.rows)).toEqual([[1, 1]])
    statement.done([aRow(1, { used: 1 })])
    expect(await other.answer).toMatchObject({ outcome: 'charged' })
    await wrong
  })
})
