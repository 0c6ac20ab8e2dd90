// The probe at start-up: charges go in groups only where the database refuses what does not fit.
import { beforeEach, expect, test } from 'vitest'
import { createClock } from '../../src/kernel/clock.ts'
import { SILENT_OBSERVER } from '../../src/quota/charge-observer.ts'
import type { Quota } from '../../src/quota/quota.ts'
import { probeGroupedForm } from '../../src/store/mysql/charge/group-probe.ts'
import type { MysqlConnection } from '../../src/store/mysql/connection.ts'
import { openConnection } from '../../src/store/mysql/connection.ts'
import { parseMysqlUrl } from '../../src/store/mysql/mysql-url.ts'
import type { MysqlOptions } from '../../src/store/mysql/pools.ts'
import { prepareSession } from '../../src/store/mysql/session.ts'
import type { Store } from '../../src/store/store.ts'
import { openStore } from '../../src/store/store.ts'
import { onClose } from '../support/closing.ts'
import { freshDatabase } from '../support/mariadb.ts'
import type { TestStore } from '../support/stores.ts'
import { createKey, openMariadbStore, openSqliteStore, quotaRow } from '../support/stores.ts'
import { until } from '../support/until.ts'

const clock = createClock()
const soon = () => clock.monotonicMs() + 20_000
const TOTAL = { unit: 'requests', period: 'total', zone: 'UTC', amount: 10 } as const
const NO_CHECK = 'a CHECK that does not hold is not enforced'

let opened: TestStore
beforeEach(async () => {
  opened = await openMariadbStore()
  await opened.store.migrate()
  return () => opened.close()
})

/** Another process, on the machine's clock, whose connections are told this first. */
const openReplica = async (...first: readonly string[]) => {
  const told: string[] = []
  const mysql: Partial<MysqlOptions> = {
    onConnection: async (run) => {
      for (const text of first) await run(text)
    },
  }
  const chargeObserver = { ...SILENT_OBSERVER, fellBack: (because: string) => told.push(because) }
  const store = await openStore({ url: opened.url, clock, mysql, chargeObserver })
  onClose(() => store.close())
  return { store, told }
}

/** Everything that a probe could leave behind. */
const traces = async (): Promise<unknown> => {
  const rows = await opened.read('SELECT * FROM quota ORDER BY id')
  const next = await opened.read(
    `SELECT auto_increment AS next FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'quota'`,
  )
  return [rows, next]
}

const chargeTimes = async (times: number, stores: readonly Store[], quotas: readonly Quota[]) => {
  const charges = Array.from({ length: times }, (_, n) => stores[n % stores.length]).map(async (store) =>
    store?.ledger.charge(quotas, 1, opened.newCall()),
  )
  return (await Promise.all(charges)).map((one) => one?.outcome)
}

const expectExact = async (stores: readonly Store[]) => {
  const { quotas } = await createKey(opened, { limits: [TOTAL, { ...TOTAL, period: 'month', amount: 50 }] })
  const outcomes = await chargeTimes(30, stores, quotas)
  expect(outcomes.filter((outcome) => outcome === 'charged')).toHaveLength(10)
  expect(outcomes.filter((outcome) => outcome === 'exhausted')).toHaveLength(20)
  for (const { id } of quotas) expect(await quotaRow(opened, id)).toMatchObject({ used: 10 })
}

test('a database that raises carries groups; the probe leaves no row and no gap behind', async () => {
  await createKey(opened, { limits: [TOTAL] })
  const before = await traces()
  const { store, told } = await openReplica()
  expect(await store.chargeForm()).toEqual({ form: 'grouped' })
  expect(await store.chargeForm()).toEqual({ form: 'grouped' })
  expect(told).toEqual([])
  expect(await traces()).toEqual(before)
})

test('SQLite carries groups always, and the direct form is in use where it was asked for', async () => {
  const sqlite = await openSqliteStore()
  onClose(() => sqlite.close())
  expect(await sqlite.store.chargeForm()).toEqual({ form: 'grouped' })
  for (const { openAgain } of [sqlite, opened]) {
    const direct = await openAgain({}, { chargeForm: 'direct' })
    expect(await direct.chargeForm()).toEqual({ form: 'direct' })
    await direct.close()
  }
})

test('where CHECKs are not enforced charges go in the direct form, which is told once, and are as exact', async () => {
  const before = await traces()
  const { store, told } = await openReplica('SET check_constraint_checks = 0')
  expect(await store.chargeForm()).toEqual({ form: 'direct', because: NO_CHECK })
  expect(await traces()).toEqual(before)
  const second = await openReplica('SET check_constraint_checks = 0')
  // Whether anybody asked before or not.
  await expectExact([store, second.store])
  expect(await store.chargeForm()).toEqual({ form: 'direct', because: NO_CHECK })
  expect([told, second.told]).toEqual([[NO_CHECK], [NO_CHECK]])
})

test('so they do where the CHECK was dropped, beside a replica that never had another form', async () => {
  await opened.write('ALTER TABLE quota DROP CONSTRAINT charge_fits')
  const { store, told } = await openReplica()
  await expectExact([store, await directReplica()])
  expect(told).toEqual([NO_CHECK])
})

const directReplica = async (): Promise<Store> => {
  const store = await opened.openAgain({}, { chargeForm: 'direct' })
  onClose(() => store.close())
  return store
}

test('a replica that comes upon another server finds out with its next connection, and no charge fails', async () => {
  const { store, told } = await openReplica()
  const { quotas } = await createKey(opened, { limits: [{ ...TOTAL, amount: 1_000 }] })
  expect(await chargeTimes(20, [store], quotas)).toEqual(Array(20).fill('charged'))
  await opened.write('ALTER TABLE quota DROP CONSTRAINT charge_fits')
  const others = 'FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()'
  for (const { id } of await opened.read(`SELECT id ${others}`)) await opened.write(`KILL ${Number(id)}`)
  await until(async () => (await opened.read(`SELECT id ${others}`)).length === 0)
  expect(await chargeTimes(20, [store], quotas)).toEqual(Array(20).fill('charged'))
  expect(told).toEqual([NO_CHECK])
  expect(await quotaRow(opened, quotas[0]?.id ?? 0)).toMatchObject({ used: 40 })
})

test('a database that is not migrated is an outage, not another form; once it is, charges are grouped', async () => {
  const url = await freshDatabase()
  const told: string[] = []
  const chargeObserver = { ...SILENT_OBSERVER, fellBack: (because: string) => told.push(because) }
  const store = await openStore({ url, clock, chargeObserver })
  onClose(() => store.close())
  await expect(store.chargeForm()).rejects.toMatchObject({
    reason: 'store_unavailable',
    message: expect.stringContaining('was it migrated?') as string,
  })
  await store.migrate()
  expect(await store.chargeForm()).toEqual({ form: 'grouped' })
  expect(told).toEqual([])
})

/** As the writer of groups has one, told something more. */
const openPrepared = async (text: string, severalStatements = true): Promise<MysqlConnection> => {
  const connection = await openConnection(parseMysqlUrl(opened.url), clock, 3_000, severalStatements)
  onClose(() => connection.end())
  await prepareSession(connection, { clock, lockWaitS: 1, deadlineMs: soon() })
  await connection.query(text, soon())
  return connection
}

test.each([
  ['strict mode is off', "SET sql_mode = ''", 'the strict mode is off'],
  ['autocommit is off', 'SET autocommit = 0', 'autocommit is off'],
  ['CHECKs are not enforced', 'SET check_constraint_checks = 0', NO_CHECK],
  [
    'assignments read the old row',
    "SET sql_mode = CONCAT(@@sql_mode, ',SIMULTANEOUS_ASSIGNMENT')",
    undefined,
  ],
])('a connection on which %s is judged so, and nothing stays', async (_, text, because) => {
  const before = await traces()
  expect(await probeGroupedForm(await openPrepared(text), soon())).toBe(because)
  expect(await traces()).toEqual(before)
})

test('a connection whose packets carry one statement only, as behind some proxies, is judged so', async () => {
  const because = 'a packet may carry one statement only'
  expect(await probeGroupedForm(await openPrepared('SELECT 1', false), soon())).toBe(because)
})

test('a server whose default is a lax mode without autocommit is told otherwise, and carries groups', async () => {
  const { store, told } = await openReplica("SET sql_mode = '', autocommit = 0")
  expect(await store.chargeForm()).toEqual({ form: 'grouped' })
  await expectExact([store])
  expect(told).toEqual([])
})
