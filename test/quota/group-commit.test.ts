// Who goes with whom: groups as they are sent, and what those who went are told.
import { describe, expect, test } from 'vitest'
import { settled } from '../support/loop-turns.ts'
import { aRow, createScriptedEngine, DAY_END, NOON } from '../support/scripted-engine.ts'
import { aQuota } from '../support/virtual-keys.ts'

const quota = (id: number) => aQuota({ id })
const quotas = (...ids: readonly number[]) => ids.map(quota)
const taken = (rows: readonly { id: number; units: number }[]) => rows.map(({ id, units }) => [id, units])

describe('a group', () => {
  test('holds all who arrive in one turn of the loop, and all who arrive while a statement is in flight go with the next', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1))
    const first = [engine.charge(quotas(1))]
    await settled()
    first.push(engine.charge(quotas(1)))
    const one = await engine.next()
    expect(taken(one.rows)).toEqual([[1, 2]])
    const second = [engine.charge(quotas(1)), engine.charge(quotas(1), 3), engine.charge(quotas(1))]
    expect(await engine.sentSince()).toEqual([])
    one.done([aRow(1, { used: 2 })])
    for (const { answer } of first) expect(await answer).toMatchObject({ outcome: 'charged' })
    const two = await engine.next()
    expect(taken(two.rows)).toEqual([[1, 5]])
    two.done([aRow(1, { used: 7 })])
    for (const { answer } of second) expect(await answer).toMatchObject({ outcome: 'charged' })
    expect(engine.groups).toEqual([
      { charges: 2, rows: 1, form: 'raising' },
      { charges: 3, rows: 1, form: 'raising' },
    ])
    expect(engine.counts).toMatchObject({ answered: 2, raised: 0, unknown: 0, wasted: 0 })
  })

  test('tells how long the one that waited longest did', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1))
    const one = engine.charge(quotas(1))
    const statement = await engine.next()
    const later = [engine.charge(quotas(1))]
    engine.clock.advance(100)
    later.push(engine.charge(quotas(1)))
    statement.done([aRow(1, { used: 1 })])
    await one.answer
    const next = await engine.next()
    engine.clock.advance(20)
    next.done([aRow(1, { used: 3 })])
    for (const { answer } of later) expect(await answer).toMatchObject({ outcome: 'charged' })
    expect(engine.counts).toMatchObject({ answered: 2, answeredMs: 120 })
  })

  test('takes single and stacked charges together, ids ascending, whatever the order they were asked in', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1), aRow(2), aRow(30))
    engine.charge(quotas(30))
    engine.charge(quotas(30, 1, 2), 2)
    engine.charge(quotas(2))
    const { rows } = await engine.next()
    expect(taken(rows)).toEqual([
      [1, 2],
      [2, 3],
      [30, 3],
    ])
  })

  test('has at most 256 rows, and nobody overtakes the one who found it full', async () => {
    const engine = createScriptedEngine()
    const ids = Array.from({ length: 300 }, (_, at) => 1_000 - at)
    engine.know(...ids.map((id) => aRow(id)))
    for (const id of ids) engine.charge(quotas(id))
    const late = engine.charge(quotas(1_000))
    const one = await engine.next()
    expect(one.rows).toHaveLength(256)
    expect(one.rows.map(({ id }) => id)).toEqual(ids.slice(0, 256).toSorted((a, b) => a - b))
    expect(one.rows.every(({ units }) => units === 1)).toBe(true)
    expect(late.call.storeWrites).toBe(0)
    one.done(one.rows.map(({ id }) => aRow(id, { used: 1 })))
    const two = await engine.next()
    expect(two.rows.map(({ id }) => id)).toEqual([...ids.slice(256), 1_000].toSorted((a, b) => a - b))
  })

  test('counts the rows of stacked charges once each: 300 charges of a shared row and 255 others fill it', async () => {
    const engine = createScriptedEngine()
    const ids = Array.from({ length: 300 }, (_, at) => at + 2)
    engine.know(aRow(1, { amount: 1_000 }), ...ids.map((id) => aRow(id)))
    for (const id of ids) engine.charge(quotas(id, 1))
    const { rows } = await engine.next()
    expect(rows).toHaveLength(256)
    expect(rows[0]).toMatchObject({ id: 1, units: 255 })
  })

  test('serves first who came first: of three who want the last two units the third is refused, by the next view', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1, { amount: 2 }))
    const [one, two, three] = [engine.charge(quotas(1)), engine.charge(quotas(1)), engine.charge(quotas(1))]
    const statement = await engine.next()
    expect(taken(statement.rows)).toEqual([[1, 2]])
    statement.done([aRow(1, { amount: 2, used: 2 })])
    expect(await one.answer).toMatchObject({ outcome: 'charged' })
    expect(await two.answer).toMatchObject({ outcome: 'charged' })
    expect(await three.answer).toMatchObject({ outcome: 'exhausted' })
    expect(three.call).toMatchObject({ storeWrites: 0, storeReads: 0 })
  })

  test('leaves one that does not fit behind others to the next view, which may have more room', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1, { amount: 3 }), aRow(2))
    engine.charge(quotas(1), 2)
    const behind = engine.charge(quotas(2, 1), 2)
    engine.charge(quotas(1), 1)
    const one = await engine.next()
    expect(taken(one.rows)).toEqual([[1, 3]])
    one.done([aRow(1, { amount: 9, used: 3 })])
    const two = await engine.next()
    expect(taken(two.rows)).toEqual([
      [1, 2],
      [2, 2],
    ])
    two.done([aRow(1, { amount: 9, used: 5 }), aRow(2, { used: 2 })])
    expect(await behind.answer).toMatchObject({ outcome: 'charged' })
  })

  test('takes nothing of one whose last row is short, not even from the rows that have room', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1), aRow(2, { amount: 4, used: 3 }))
    const refused = engine.charge(quotas(1, 2), 2)
    engine.charge(quotas(1))
    expect(taken((await engine.next()).rows)).toEqual([[1, 1]])
    expect(await refused.answer).toMatchObject({ outcome: 'exhausted' })
  })
})

describe('the statement', () => {
  test('names the window of each row, a window that is open on the row before the one of the calendar', async () => {
    const engine = createScriptedEngine()
    const odd = NOON + 12_345
    engine.know(
      aRow(1),
      aRow(2, { windowEndMs: odd }),
      aRow(3, { windowEndMs: NOON }),
      aRow(4, { windowEndMs: 0 }),
    )
    const { answer } = engine.charge(quotas(4, 3, 2, 1))
    const statement = await engine.next()
    expect(statement.rows.map(({ windowEndMs }) => windowEndMs)).toEqual([DAY_END, odd, DAY_END, DAY_END])
    expect(statement.rows[0]).toMatchObject({ windowStartMs: DAY_END - 86_400_000 })
    statement.done([1, 2, 3, 4].map((id) => aRow(id, { used: 1, windowEndMs: id === 2 ? odd : DAY_END })))
    expect(await answer).toMatchObject({
      states: [
        { resetsAtMs: DAY_END },
        { resetsAtMs: DAY_END },
        { resetsAtMs: odd },
        { resetsAtMs: DAY_END },
      ],
    })
  })

  test('has a time of its own, whatever its callers have left', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1))
    engine.charge(quotas(1), 1, 10)
    engine.charge(quotas(1), 1, 600_000)
    expect((await engine.next()).deadlineMs).toBe(engine.clock.monotonicMs() + 3_000)
  })

  test('reads along what those who wait for a reading need', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1))
    engine.charge(quotas(1))
    const unread = engine.charge(quotas(2, 3))
    const one = await engine.next()
    expect(taken(one.rows)).toEqual([[1, 1]])
    expect(one.ids).toEqual(expect.arrayContaining([2, 3]))
    one.done([aRow(1, { used: 1 }), aRow(2), aRow(3)])
    const two = await engine.next()
    expect(taken(two.rows)).toEqual([
      [2, 1],
      [3, 1],
    ])
    expect(unread.call).toMatchObject({ storeReads: 0, storeWrites: 1 })
  })

  test('is planned by the clock of the reading before it, and a later one by that of its own time', async () => {
    const engine = createScriptedEngine()
    const read = engine.charge(quotas(1))
    const reading = await engine.next()
    expect(reading).toMatchObject({ kind: 'read', ids: [1] })
    const aDayLater = NOON + 86_400_000
    reading.done([aRow(1, { amount: 0, windowEndMs: 0 })], aDayLater)
    expect(await read.answer).toMatchObject({ states: [{ resetsAtMs: DAY_END + 86_400_000 }] })
    engine.know(aRow(2, { windowEndMs: 0 }))
    engine.charge(quotas(2))
    expect((await engine.next()).rows).toMatchObject([{ windowEndMs: DAY_END }])
  })
})

describe('whoever leaves', () => {
  test('or is late before the statement is built is charged nothing, and told so', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1))
    engine.charge(quotas(1))
    const one = await engine.next()
    const [left, late, stays] = [
      engine.charge(quotas(1)),
      engine.charge(quotas(1), 1, 500),
      engine.charge(quotas(1)),
    ]
    left.call.cancelled = true
    engine.clock.advance(500)
    one.done([aRow(1, { used: 1 })])
    const two = await engine.next()
    expect(taken(two.rows)).toEqual([[1, 1]])
    for (const { answer, call } of [left, late]) {
      expect(await answer).toMatchObject({ reason: 'deadline_exceeded', chargeUnknown: false })
      expect(call.storeWrites).toBe(0)
    }
    two.done([aRow(1, { used: 2 })])
    expect(await stays.answer).toMatchObject({ outcome: 'charged' })
  })

  test('after it was sent is charged, and still told what was', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1))
    const { call, answer } = engine.charge(quotas(1), 1, 500)
    const statement = await engine.next()
    call.cancelled = true
    engine.clock.advance(1_000)
    statement.done([aRow(1, { used: 1 })])
    expect(await answer).toMatchObject({ outcome: 'charged' })
    expect(call.storeWrites).toBe(1)
    expect(engine.counts).toMatchObject({ wasted: 0, unknown: 0 })
  })
})

describe('the states after a charge', () => {
  test('are as if the charges of the group had come one after the other, in the order asked', async () => {
    const engine = createScriptedEngine()
    const total = aQuota({ id: 9, period: 'total' })
    engine.know(aRow(1, { used: 10 }), aRow(9, { windowEndMs: Number.MAX_SAFE_INTEGER }))
    const answers = [
      engine.charge([total, quota(1)], 2).answer,
      engine.charge(quotas(1), 5).answer,
      engine.charge([quota(1), total]).answer,
    ]
    const statement = await engine.next()
    // Somebody else took 30 in between: before the group, as far as anybody can tell.
    statement.done([aRow(1, { used: 48 }), aRow(9, { used: 3, windowEndMs: Number.MAX_SAFE_INTEGER })])
    expect(await Promise.all(answers)).toMatchObject([
      {
        states: [
          { quota: total, used: 2, remaining: 98, resetsAtMs: undefined },
          { quota: { id: 1 }, used: 42, remaining: 58, resetsAtMs: DAY_END },
        ],
      },
      { states: [{ used: 47, remaining: 53 }] },
      { states: [{ used: 48, remaining: 52 }, { used: 3 }] },
    ])
  })

  test('are those of the window that was charged, when it turned before it was read', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1, { used: 10 }))
    const { answer } = engine.charge(quotas(1), 2)
    const statement = await engine.next()
    statement.done([aRow(1, { used: 1, windowEndMs: DAY_END + 86_400_000 })])
    expect(await answer).toMatchObject({ states: [{ used: 12, remaining: 88, resetsAtMs: DAY_END }] })
  })

  test('tell the amount as it is by now', async () => {
    const engine = createScriptedEngine()
    engine.know(aRow(1))
    const { answer } = engine.charge(quotas(1))
    const statement = await engine.next()
    statement.done([aRow(1, { used: 41, amount: 40 })])
    expect(await answer).toMatchObject({ states: [{ amount: 40, used: 41, remaining: 0 }] })
  })
})
