// What every connection to MySQL is told, and that it is asked back.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClock } from '../../src/kernel/clock.ts'
import type { MysqlConnection } from '../../src/store/mysql/connection.ts'
import { openConnection } from '../../src/store/mysql/connection.ts'
import { parseMysqlUrl } from '../../src/store/mysql/mysql-url.ts'
import { NOW, prepareSession } from '../../src/store/mysql/session.ts'
import { openStore } from '../../src/store/store.ts'
import { freshDatabase } from '../support/mariadb.ts'

const clock = createClock()
const soon = () => clock.monotonicMs() + 10_000

let url: string
let connection: MysqlConnection
beforeAll(async () => {
  url = await freshDatabase()
  connection = await openConnection(parseMysqlUrl(url), clock, 3_000)
})
afterAll(() => connection.end())

test('strict mode, UTC, READ COMMITTED, one second for a lock, autocommit, whatever the server’s defaults are', async () => {
  const facts = await prepareSession(connection, { clock, lockWaitS: 1, deadlineMs: soon() })
  expect(facts.system).toBe('mariadb')
  const { rows } = await connection.query(
    'SELECT @@sql_mode AS mode, @@time_zone AS zone, @@tx_isolation AS isolation, @@innodb_lock_wait_timeout AS wait_s, @@autocommit AS auto',
    soon(),
  )
  expect(rows[0]).toMatchObject({ zone: '+00:00', isolation: 'READ-COMMITTED', wait_s: 1, auto: 1 })
  expect(rows[0]?.['mode']).toContain('STRICT_ALL_TABLES')
})

test('a server that keeps a setting of its own is refused', async () => {
  const stubborn: MysqlConnection = {
    ...connection,
    query: (text, deadlineMs) =>
      connection.query(text.replace("time_zone = '+00:00'", "time_zone = '+01:00'"), deadlineMs),
  }
  await expect(prepareSession(stubborn, { clock, lockWaitS: 1, deadlineMs: soon() })).rejects.toMatchObject({
    reason: 'store_unavailable',
    message: expect.stringContaining('time_zone') as string,
  })
})

test('the clock learns the server’s time, and follows it', async () => {
  const seen: number[] = []
  const learning = { ...clock, observe: (nowMs: number) => seen.push(nowMs) }
  await connection.query('SET timestamp = 1000000000.1235', soon())
  await prepareSession(connection, { clock: learning, lockWaitS: 1, deadlineMs: soon() })
  await connection.query('SET timestamp = DEFAULT', soon())
  expect(seen).toEqual([1_000_000_000_123])
  const { rows } = await connection.query(`SELECT ${NOW} AS now_ms`, soon())
  expect(Math.abs(Number(rows[0]?.['now_ms']) - Date.now())).toBeLessThan(5_000)
})

test('one packet holds one statement', async () => {
  await expect(connection.query('SELECT 1; SELECT 2', soon())).rejects.toMatchObject({ errno: 1064 })
  expect(connection.isBroken()).toBe(false)
})

test('rows that were matched but not changed do not count', async () => {
  await connection.query('CREATE TABLE counted (id INT PRIMARY KEY, v INT)', soon())
  await connection.query('INSERT INTO counted VALUES (1, 1)', soon())
  expect((await connection.query('UPDATE counted SET v = 1 WHERE id = 1', soon())).affectedRows).toBe(0)
})

test('integers up to 2^53 - 1 pass unharmed in both directions', async () => {
  const { rows } = await connection.execute(
    'SELECT CAST(? AS SIGNED) AS n, 9007199254740991 AS m',
    ['9007199254740991'],
    soon(),
  )
  expect(rows[0]).toEqual({ n: Number.MAX_SAFE_INTEGER, m: Number.MAX_SAFE_INTEGER })
})

test('a server that is not there, a password that is wrong and a database that is missing are outages, in words', async () => {
  const { port } = new URL(url)
  const cases = [
    ['mysql://latchkey:x@127.0.0.1:1/db', /ECONNREFUSED/],
    [`mysql://latchkey:wrong-password@127.0.0.1:${port}/mysql`, /Access denied/],
    [`mysql://latchkey:latchkey@127.0.0.1:${port}/no_such_database`, /Unknown database/],
  ] as const
  for (const [target, words] of cases) {
    const refusal = await openStore({ url: target, clock }).catch((error: unknown) => error)
    expect(refusal).toMatchObject({ name: 'Failure', reason: 'store_unavailable' })
    expect(String(refusal)).toMatch(words)
    expect(String(refusal)).not.toContain('wrong-password')
  }
})
