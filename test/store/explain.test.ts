// Each hot statement finds its rows by point access, whatever the number of keys: 100,000 of them here.

import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MOST_KEYS_TOGETHER } from '../../src/keys/key-store.ts'
import type { Quota } from '../../src/quota/quota.ts'
import { chargeRow, readRows } from '../../src/store/mysql/charge/direct-statements.ts'
import { chargeGroup, readGroup } from '../../src/store/mysql/charge/group-statement.ts'
import { lookUpStatement } from '../../src/store/mysql/look-up.ts'
import {
  CHARGE as SQLITE_CHARGE,
  READ_ROW as SQLITE_READ,
} from '../../src/store/sqlite/charge/row-statements.ts'
import { LOOK_UP as SQLITE_LOOK_UP } from '../../src/store/sqlite/look-up.ts'
import { runInOneSession, runOnMariadb } from '../support/mariadb.ts'
import type { TestStore } from '../support/stores.ts'
import { openMariadbStore, openSqliteStore } from '../support/stores.ts'

const KEYS = 100_000
const OWNERS = 1_000
const SEEDS = 300_000

let mariadb: TestStore
let sqlite: TestStore
let database: string
beforeAll(async () => {
  mariadb = await openMariadbStore()
  sqlite = await openSqliteStore()
  database = new URL(mariadb.url).pathname.slice(1)
  for (const opened of [mariadb, sqlite]) {
    await opened.store.migrate()
    for (const statement of fillStatements(opened === mariadb)) await opened.write(statement)
  }
})
afterAll(async () => {
  await mariadb.close()
  await sqlite.close()
})

/** Every tenth owner is the third of three levels; every key and every owner has a limit. */
const fillStatements = (onMariadb: boolean): readonly string[] => {
  const numbers = (count: number) =>
    onMariadb
      ? `(SELECT seq AS n FROM seq_1_to_${count}) AS numbers`
      : `(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < ${count}) SELECT n FROM s)`
  const text = (prefix: string, n: string) =>
    onMariadb ? `CONCAT('${prefix}', ${n})` : `'${prefix}' || (${n})`
  const hash = onMariadb ? "UNHEX(LPAD(HEX(n), 64, '0'))" : "unhex(printf('%064X', n))"
  const owner = `${text('own_', `n % ${OWNERS} + 1`)}`
  const rules = "NULL, '[]', '[]', '[]'"
  const rulesColumns = 'models, denied_models, policies, guardrails'
  return [
    `INSERT INTO owner (id, path, parent_id, ${rulesColumns}, created_at)
      SELECT ${text('own_', 'n')}, ${text('o', 'n')}, CASE WHEN n = 1 THEN 'own_2' WHEN n % 10 = 0 THEN 'own_1' END, ${rules}, 1 FROM ${numbers(OWNERS)}`,
    `INSERT INTO quota (id, amount, usable_until) SELECT n, 1000, 9007199254740991 FROM ${numbers(SEEDS)}`,
    `INSERT INTO virtual_key (id, owner_id, name, hint, ${rulesColumns}, quota_id, created_at)
      SELECT ${text('key_', 'n')}, ${owner}, 'ci', 'abcd', ${rules}, n, 1 FROM ${numbers(KEYS)}`,
    `INSERT INTO key_secret (hash, key_id) SELECT ${hash}, ${text('key_', 'n')} FROM ${numbers(KEYS)}`,
    `INSERT INTO quota_limit (subject_id, unit, period, zone, amount, quota_id)
      SELECT ${text('key_', 'n')}, 'requests', 'day', 'UTC', 1000, 100000 + n FROM ${numbers(KEYS)}`,
    `INSERT INTO quota_limit (subject_id, unit, period, zone, amount, quota_id)
      SELECT ${text('own_', 'n')}, 'requests', 'day', 'UTC', 1000, 200000 + n FROM ${numbers(OWNERS)}`,
    onMariadb ? 'ANALYZE TABLE owner, quota, virtual_key, key_secret, quota_limit' : 'ANALYZE',
  ]
}

const aQuota = (id: number): Quota => ({
  id,
  subject: 'key',
  unit: 'requests',
  period: 'total',
  zone: 'UTC',
  amount: 1_000,
  implicit: false,
})
const A_CHARGE = chargeRow({
  quota: aQuota(77_777),
  units: 1,
  windowStartMs: 0,
  windowEndMs: Number.MAX_SAFE_INTEGER,
})
const A_READ = readRows([77_777, 5, 299_999])
const hashOf = (n: number): string => `UNHEX('${n.toString(16).padStart(64, '0')}')`
/** Of these keys, and as often as there is room of one that nobody made. */
const lookUpOf = (size: number, known: readonly number[]): string =>
  [...known, ...Array.from({ length: size - known.length }, (_, n) => KEYS + 1 + n)]
    .map(hashOf)
    .reduce((statement, hash) => statement.replace('?', hash), lookUpStatement(size).replace('?', '-1'))
const A_LOOK_UP = lookUpOf(1, [77_779])

const handlerReads = async (statement: string): Promise<ReadonlyMap<string, number>> => {
  const rows = await runInOneSession(
    ['FLUSH STATUS', statement, "SHOW SESSION STATUS LIKE 'Handler_read%'"],
    database,
  )
  return new Map(rows.map((row) => [String(row['Variable_name']), Number(row['Value'])]))
}

test('the look-up of one key on MariaDB: const, eq_ref and ref only, a handful of rows', async () => {
  const plan = await runOnMariadb(`EXPLAIN ${A_LOOK_UP}`, database)
  expect(plan.length).toBeGreaterThanOrEqual(10)
  for (const { table, type, key, rows } of plan) {
    expect(['const', 'eq_ref', 'ref'], String(table)).toContain(type)
    expect(key, String(table)).not.toBeNull()
    expect(Number(rows), String(table)).toBeLessThanOrEqual(2)
  }
})

test('the look-up of several keys on MariaDB: the secrets by their primary key, the rest as for one', async () => {
  const statement = lookUpOf(MOST_KEYS_TOGETHER, [77_779, 1, 99_999])
  const plan = await runOnMariadb(`EXPLAIN ${statement}`, database)
  expect(plan.length).toBeGreaterThanOrEqual(10)
  for (const { table, type, key, rows } of plan) {
    if (table === 's')
      expect({ type, key, rows }).toEqual({ type: 'range', key: 'PRIMARY', rows: `${MOST_KEYS_TOGETHER}` })
    else {
      expect(['const', 'eq_ref', 'ref'], String(table)).toContain(type)
      expect(Number(rows), String(table)).toBeLessThanOrEqual(2)
    }
    expect(key, String(table)).not.toBeNull()
  }
})

test('the look-up on MariaDB reads a row here and a row there, and never walks', async () => {
  const [row] = await runOnMariadb(A_LOOK_UP, database)
  expect(row).toMatchObject({ k_id: 'key_77779', a_id: 'own_780', b_id: 'own_1' })
  const known = [77_779, 1, 99_999]
  const together = lookUpOf(MOST_KEYS_TOGETHER, known)
  const ids = (await runOnMariadb(together, database)).map((found) => found['k_id'])
  expect(new Set(ids)).toEqual(new Set(['key_1', 'key_77779', 'key_99999']))
  expect(ids).toHaveLength(3)
  for (const [statement, found] of [
    [A_LOOK_UP, 1],
    [together, known.length],
    [lookUpOf(MOST_KEYS_TOGETHER, []), 0],
  ] as const) {
    const reads = await handlerReads(statement)
    expect(reads.get('Handler_read_key')).toBeGreaterThan(0)
    expect([...reads.values()].reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(
      MOST_KEYS_TOGETHER + 30 * Math.max(1, found),
    )
    expect(reads.get('Handler_read_rnd_next')).toBeLessThanOrEqual(10 * Math.max(1, found))
  }
})

test('a charge on MariaDB changes its row by primary key and reads no other', async () => {
  const [plan, ...more] = await runOnMariadb(`EXPLAIN ${A_CHARGE}`, database)
  expect(more).toEqual([])
  expect(plan).toMatchObject({ table: 'quota', key: 'PRIMARY', rows: '1' })
  const reads = await handlerReads(A_CHARGE)
  expect([...reads.values()].reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(2)
  expect(
    await runOnMariadb('SELECT sum(used) AS used, max(id) AS id FROM quota WHERE used > 0', database),
  ).toMatchObject([{ used: '1', id: 77_777 }])
})

test('a full group on MariaDB changes its 256 rows by primary key and reads no other', async () => {
  const groupRows = Array.from({ length: 256 }, (_, n) => ({
    id: 100_001 + 700 * n,
    units: 1 + (n % 3),
    windowStartMs: 0,
    windowEndMs: Number.MAX_SAFE_INTEGER,
  }))
  const ids = groupRows.map(({ id }) => id)
  for (const statement of [chargeGroup(groupRows), readGroup(ids)]) {
    const [plan, ...more] = await runOnMariadb(`EXPLAIN ${statement}`, database)
    expect(more).toEqual([])
    expect(plan).toMatchObject({ table: 'quota', key: 'PRIMARY', rows: '256' })
    const reads = await handlerReads(statement)
    expect(reads.get('Handler_read_key')).toBe(256)
    expect([...reads.values()].reduce((sum, count) => sum + count, 0)).toBe(256)
  }
})

test('the classifying read on MariaDB visits exactly the rows that were asked', async () => {
  const [plan, ...more] = await runOnMariadb(`EXPLAIN ${A_READ}`, database)
  expect(more).toEqual([])
  expect(plan).toMatchObject({ table: 'quota', key: 'PRIMARY', rows: '3' })
  const reads = await handlerReads(A_READ)
  expect(reads.get('Handler_read_key')).toBe(3)
})

test('every hot statement on SQLite searches by key and scans nothing', () => {
  const file = new DatabaseSync(sqlite.url.slice('sqlite:'.length), { readOnly: true })
  for (const statement of [SQLITE_LOOK_UP, SQLITE_CHARGE, SQLITE_READ]) {
    const plan = file.prepare(`EXPLAIN QUERY PLAN ${statement}`).all()
    const details = plan
      .map(({ detail }) => String(detail))
      .filter((detail) => !/^(CORRELATED )?SCALAR SUBQUERY/.test(detail))
    expect(details.length).toBeGreaterThan(0)
    // The registry has one row for ever, so reading all of it is as good.
    for (const detail of details) expect(detail).toMatch(/^(SEARCH .* USING .*\(.*=\?|SCAN r$)/)
  }
  file.close()
})

test('among 100,000 keys the right one is found, on both', async () => {
  for (const opened of [mariadb, sqlite]) {
    const digest = Buffer.from((77_779).toString(16).padStart(64, '0'), 'hex')
    const { key } = await opened.store.keyStore.find(digest, -1, opened.newCall())
    expect(key).toMatchObject({ id: 'key_77779', quotas: [{ id: 177_779 }] })
    expect(key?.owners.map(({ path }) => path)).toEqual(['o780', 'o1', 'o2'])
    expect(key?.owners.map(({ quotas }) => quotas[0]?.id)).toEqual([200_780, 200_001, 200_002])
  }
})
