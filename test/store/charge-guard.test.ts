// The guards of both forms against a model, in both orders in which servers evaluate an UPDATE.
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClock } from '../../src/kernel/clock.ts'
import type { GroupRow } from '../../src/quota/group-writer.ts'
import type { Quota } from '../../src/quota/quota.ts'
import { FOREVER } from '../../src/quota/quota.ts'
import { chargeRow } from '../../src/store/mysql/charge/direct-statements.ts'
import { chargeGroup } from '../../src/store/mysql/charge/group-statement.ts'
import type { MysqlConnection } from '../../src/store/mysql/connection.ts'
import { openConnection } from '../../src/store/mysql/connection.ts'
import { parseMysqlUrl } from '../../src/store/mysql/mysql-url.ts'
import { prepareSession } from '../../src/store/mysql/session.ts'
import { recordFigure } from '../support/figures.ts'
import { NOON, openMariadbStore } from '../support/stores.ts'

const RUNS = process.env['LATCHKEY_PROVE'] === '1' ? 5_000 : 150
const LARGEST = 2n ** 63n - 1n
const CHECK_VIOLATED = 4025
const clock = createClock()
const soon = () => clock.monotonicMs() + 20_000

type Row = Readonly<{ amount: bigint; used: bigint; start: bigint; end: bigint; usableUntil: bigint }>
type Asked = Readonly<{ row: Row; units: number; windowStartMs: number; windowEndMs: number }>

const QUOTA: Quota = {
  id: 1,
  subject: 'key',
  unit: 'requests',
  period: 'day',
  zone: 'UTC',
  amount: 0,
  implicit: false,
}
const now = BigInt(NOON)
const anAmount = fc.constantFrom(0n, 1n, 2n, 5n, 2n ** 53n - 1n, 2n ** 62n, LARGEST)
const aRow: fc.Arbitrary<Row> = fc.record({
  amount: anAmount,
  used: fc.oneof(fc.bigInt(0n, 5n), anAmount, fc.constantFrom(2n ** 53n - 2n, LARGEST - 1n)),
  start: fc.constantFrom(0n, now - 60_000n, now),
  end: fc.constantFrom(0n, now - 1n, now, now + 1n, now + 60_000n, BigInt(FOREVER)),
  usableUntil: fc.constantFrom(0n, now, now + 1n, BigInt(FOREVER), BigInt(FOREVER)),
})
/** Takes the charge, in an open window or in one that turns. */
const fitting: fc.Arbitrary<Asked> = fc.record({
  row: fc.record({
    amount: fc.constantFrom(5n, 2n ** 62n, LARGEST),
    used: fc.bigInt(0n, 3n),
    start: fc.constantFrom(0n, now - 60_000n),
    end: fc.constantFrom(0n, now, now + 60_000n),
    usableUntil: fc.constantFrom(now + 1n, BigInt(FOREVER)),
  }),
  units: fc.constantFrom(1, 2),
  windowStartMs: fc.constantFrom(NOON - 30_000, NOON),
  windowEndMs: fc.constant(NOON + 60_000),
})
/** Would leave the range of the column if it were added up. */
const overflowing: fc.Arbitrary<Asked> = fc.record({
  row: fc.record({
    amount: fc.constantFrom(5n, LARGEST),
    used: fc.bigInt(LARGEST - 2n, LARGEST),
    start: fc.constant(0n),
    end: fc.constantFrom(0n, now + 60_000n),
    usableUntil: fc.constant(BigInt(FOREVER)),
  }),
  units: fc.constantFrom(1, 2, 3, FOREVER),
  windowStartMs: fc.constant(NOON - 30_000),
  windowEndMs: fc.constant(NOON + 60_000),
})
const anything: fc.Arbitrary<Asked> = fc.record({
  row: aRow,
  units: fc.constantFrom(1, 1, 2, 3, FOREVER),
  windowStartMs: fc.constantFrom(0, NOON - 30_000, NOON, NOON, NOON + 1),
  windowEndMs: fc.constantFrom(NOON, NOON + 1, NOON + 60_000, NOON + 60_000, FOREVER),
})

const asked = fc.oneof(
  { weight: 8, arbitrary: fitting },
  { weight: 1, arbitrary: overflowing },
  { weight: 2, arbitrary: anything },
)

/** The row as it is after the charge; undefined when it does not take it. */
const chargeModel = ({ row, ...take }: Asked): Row | undefined => {
  const [units, start, end] = [BigInt(take.units), BigInt(take.windowStartMs), BigInt(take.windowEndMs)]
  const turned = row.end <= now
  const used = turned ? 0n : row.used
  const isNamed = row.end === end || (turned && start <= now)
  if (now >= row.usableUntil || now >= end || !isNamed || used + units > row.amount) return undefined
  const begins = start > row.end ? start : row.end
  return { ...row, used: used + units, start: turned ? begins : row.start, end }
}

/** What was a charge in the first place; anything else of the server is an error of ours. */
const isRefusal = (error: unknown): boolean =>
  error instanceof Error && 'errno' in error && error.errno === CHECK_VIOLATED

let database: Awaited<ReturnType<typeof openMariadbStore>>
const connections: MysqlConnection[] = []
beforeAll(async () => {
  database = await openMariadbStore()
  await database.store.migrate()
  for (const mode of ['', ',SIMULTANEOUS_ASSIGNMENT']) {
    const connection = await openConnection(parseMysqlUrl(database.url), clock, 3_000)
    await prepareSession(connection, { clock, lockWaitS: 1, deadlineMs: soon() })
    await connection.query(`SET sql_mode = CONCAT(@@sql_mode, '${mode}')`, soon())
    await connection.query(`SET timestamp = ${(NOON + 0.5) / 1_000}`, soon())
    connections.push(connection)
  }
})
afterAll(async () => {
  for (const connection of connections) await connection.end()
  await database.close()
})

/** Rows 1, 2, …, as `work` leaves them, in both orders, which agree; nothing stays. */
const tryOut = async (
  rows: readonly Row[],
  work: (connection: MysqlConnection) => Promise<void>,
): Promise<readonly Row[]> => {
  const results: (readonly Row[])[] = []
  for (const connection of connections) {
    const query = (text: string) => connection.query(text, soon())
    await query('BEGIN')
    for (const [at, row] of rows.entries())
      await query(
        `INSERT INTO quota (id, amount, used, window_start, window_end, usable_until)
         VALUES (${at + 1}, ${row.amount}, ${row.used}, ${row.start}, ${row.end}, ${row.usableUntil})`,
      )
    await work(connection)
    const left = await query(
      'SELECT amount, used, window_start, window_end, usable_until FROM quota ORDER BY id',
    )
    await query('ROLLBACK')
    results.push(left.rows.map(toRow))
  }
  const [first = [], second] = results
  expect(second).toEqual(first)
  return first
}

const toRow = (row: Readonly<Record<string, unknown>>): Row => {
  const whole = (column: string) => BigInt(String(row[column]))
  return {
    amount: whole('amount'),
    used: whole('used'),
    start: whole('window_start'),
    end: whole('window_end'),
    usableUntil: whole('usable_until'),
  }
}

test('the two connections evaluate in different orders', async () => {
  const swapped = await Promise.all(
    connections.map(async (connection) => {
      await connection.query('CREATE TEMPORARY TABLE swap AS SELECT 1 AS a, 2 AS b', soon())
      await connection.query('UPDATE swap SET a = b, b = a', soon())
      return (await connection.query('SELECT a, b FROM swap', soon())).rows
    }),
  )
  expect(swapped).toEqual([[{ a: 2, b: 2 }], [{ a: 2, b: 1 }]])
})

test('a group takes all of its rows as the model says, or none, in both orders', async () => {
  let charged = 0
  const property = fc.asyncProperty(fc.array(asked, { minLength: 1, maxLength: 4 }), async (group) => {
    const after = group.map(chargeModel)
    const takes = after.every((row) => row !== undefined)
    const text = chargeGroup(
      group.map(
        ({ units, windowStartMs, windowEndMs }, at): GroupRow => ({
          id: at + 1,
          units,
          windowStartMs,
          windowEndMs,
        }),
      ),
    )
    const left = await tryOut(
      group.map(({ row }) => row),
      async (connection) => {
        const reply = await connection.query(text, soon()).catch((error: unknown) => {
          if (!isRefusal(error)) throw error
        })
        expect(reply?.affectedRows).toBe(takes ? group.length : undefined)
      },
    )
    if (takes) charged += 1
    expect(left).toEqual(takes ? after : group.map(({ row }) => row))
  })
  await fc.assert(property, { numRuns: RUNS })
  recordFigure({
    name: 'random groups, in both orders of evaluation, that the guard and the model saw differently',
    value: `0 in ${RUNS}`,
  })
  expect(charged).toBeGreaterThan(RUNS / 10)
  expect(charged).toBeLessThan(RUNS)
})

test('a guarded row takes a charge as the model says, or stays as it was, in both orders', async () => {
  const property = fc.asyncProperty(asked, async ({ row, ...take }) => {
    const after = chargeModel({ row, ...take })
    const left = await tryOut([row], async (connection) => {
      const reply = await connection.query(chargeRow({ quota: QUOTA, ...take }), soon())
      expect(reply.affectedRows).toBe(after === undefined ? 0 : 1)
      if (after !== undefined && after.amount <= BigInt(FOREVER))
        expect(BigInt(reply.insertId)).toBe(after.amount - after.used)
    })
    expect(left).toEqual([after ?? row])
  })
  await fc.assert(property, { numRuns: RUNS })
})
