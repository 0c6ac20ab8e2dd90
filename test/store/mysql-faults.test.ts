// Faults of the server and of the network: never over, nothing lost in silence, and well again without a restart.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Call } from '../../src/kernel/call.ts'
import { createCall } from '../../src/kernel/call.ts'
import { createClock } from '../../src/kernel/clock.ts'
import { Failure } from '../../src/kernel/failure.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { LimitDraft } from '../../src/quota/limit-book.ts'
import type { Quota } from '../../src/quota/quota.ts'
import type { MysqlConnection } from '../../src/store/mysql/connection.ts'
import { openConnection } from '../../src/store/mysql/connection.ts'
import { parseMysqlUrl } from '../../src/store/mysql/mysql-url.ts'
import type { Store } from '../../src/store/store.ts'
import { openStore } from '../../src/store/store.ts'
import type { MariadbServer } from '../support/mariadb.ts'
import { startMariadb } from '../support/mariadb.ts'
import { aDraft, chargedQuotas } from '../support/stores.ts'

const clock = createClock()
const aCall = (timeoutMs = 20_000): Call => createCall(clock.monotonicMs() + timeoutMs)
const soon = () => clock.monotonicMs() + 20_000
const TOTAL = { unit: 'requests', period: 'total', zone: 'UTC', amount: 1_000_000 } as const
const MONTH = { ...TOTAL, period: 'month' } as const

let server: MariadbServer
let url: string
let store: Store
beforeAll(async () => {
  server = await startMariadb()
})
afterAll(() => server.stop())
beforeEach(async () => {
  url = await server.freshDatabase()
  store = await openStore({ url, clock })
  await store.migrate()
  await store.ownerBook.createOwner('acme', NO_RULES)
  return () => store.close()
})

const newQuotas = async (...limits: readonly LimitDraft[]): Promise<readonly Quota[]> => {
  const draft = aDraft({ limits })
  await store.keyBook.createKeys([draft])
  const { key } = await store.keyStore.find(draft.digest, -1, aCall())
  return key === undefined ? [] : chargedQuotas(key)
}

const usedOf = async (quotas: readonly Quota[]): Promise<readonly number[]> => {
  const database = new URL(url).pathname.slice(1)
  const rows = await server.run(
    `SELECT used FROM ${database}.quota WHERE id IN (${quotas.map(({ id }) => id).join()}) ORDER BY id`,
  )
  return rows.map(({ used }) => Number(used))
}

/** Holds rows as another transaction would, until let go. */
const holdRows = async (quotas: readonly Quota[]): Promise<MysqlConnection> => {
  const connection = await openConnection(parseMysqlUrl(url), clock, 3_000)
  await connection.query('BEGIN', soon())
  for (const { id } of quotas)
    await connection.query(`SELECT id FROM quota WHERE id = ${id} FOR UPDATE`, soon())
  return connection
}

const letGo = async (connection: MysqlConnection): Promise<void> => {
  await connection.query('COMMIT', soon())
  await connection.end()
}

/** Asks again until it is so; the test's own time limit ends it. */
const until = async (isSo: () => Promise<boolean> | boolean): Promise<void> => {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5))
}

const chargesInFlight = async (): Promise<readonly number[]> => {
  const database = new URL(url).pathname.slice(1)
  const rows = await server.run(
    `SELECT id FROM information_schema.processlist WHERE db = '${database}' AND info LIKE 'UPDATE quota SET%'`,
  )
  return rows.map(({ id }) => Number(id))
}

const killCharges = async (): Promise<number> => {
  const ids = await chargesInFlight()
  // One may have ended by itself in between.
  await Promise.all(ids.map((id) => server.run(`KILL ${id}`).catch(() => undefined)))
  return ids.length
}

test('a connection killed under a charge leaves the charge unknown, and the next one has a connection', async () => {
  const quotas = await newQuotas(TOTAL)
  const holder = await holdRows(quotas)
  const charge = store.ledger.charge(quotas, 1, aCall())
  charge.catch(() => undefined)
  await until(async () => (await killCharges()) > 0)
  await expect(charge).rejects.toMatchObject({ reason: 'store_unavailable', chargeUnknown: true })
  await letGo(holder)
  expect(await usedOf(quotas)).toEqual([0])
  expect(await store.ledger.charge(quotas, 1, aCall())).toMatchObject({
    outcome: 'charged',
    states: [{ used: 1 }],
  })
})

test('a connection killed before COMMIT was sent certainly charged nothing, and the charge is made on another', async () => {
  const quotas = await newQuotas(TOTAL, MONTH)
  const holder = await holdRows(quotas.slice(1))
  const call = aCall()
  const charge = store.ledger.charge(quotas, 1, call)
  await until(async () => (await killCharges()) > 0)
  await until(() => call.storeWrites >= 2)
  await letGo(holder)
  expect(await charge).toMatchObject({ outcome: 'charged' })
  expect(await usedOf(quotas)).toEqual([1, 1])
})

test('a deadline that passes under a charge leaves it unknown, and cuts the connection', async () => {
  const quotas = await newQuotas(TOTAL)
  const holder = await holdRows(quotas)
  await expect(store.ledger.charge(quotas, 1, aCall(150))).rejects.toMatchObject({
    reason: 'store_unavailable',
    chargeUnknown: true,
  })
  await letGo(holder)
  await until(async () => (await chargesInFlight()).length === 0)
  const [wasted] = await usedOf(quotas)
  expect(wasted).toBeLessThanOrEqual(1)
  expect(await store.ledger.charge(quotas, 1, aCall())).toMatchObject({ outcome: 'charged' })
  expect(await usedOf(quotas)).toEqual([(wasted ?? 0) + 1])
})

test('a deadline that passes before COMMIT was sent certainly charged nothing', async () => {
  const quotas = await newQuotas(TOTAL, MONTH)
  const holder = await holdRows(quotas.slice(1))
  await expect(store.ledger.charge(quotas, 1, aCall(150))).rejects.toMatchObject({
    reason: 'store_unavailable',
    chargeUnknown: false,
  })
  await letGo(holder)
  await until(async () => (await chargesInFlight()).length === 0)
  expect(await usedOf(quotas)).toEqual([0, 0])
})

test('a caller that leaves before COMMIT was sent is not charged', async () => {
  const quotas = await newQuotas(TOTAL, MONTH)
  const holder = await holdRows(quotas.slice(1))
  const call = aCall()
  const charge = store.ledger.charge(quotas, 1, call)
  charge.catch(() => undefined)
  await until(async () => (await chargesInFlight()).length > 0)
  call.cancelled = true
  await letGo(holder)
  await expect(charge).rejects.toMatchObject({ reason: 'deadline_exceeded', chargeUnknown: false })
  expect(await usedOf(quotas)).toEqual([0, 0])
  expect(await store.ledger.charge(quotas, 1, aCall())).toMatchObject({ outcome: 'charged' })
})

test('a lock that is not granted in a second is asked for again, and charged once', async () => {
  for (const quotas of [await newQuotas(TOTAL), await newQuotas(TOTAL, MONTH)]) {
    const holder = await holdRows(quotas.slice(-1))
    const call = aCall()
    const charge = store.ledger.charge(quotas, 1, call)
    await until(() => call.storeWrites >= 2)
    await letGo(holder)
    expect(await charge).toMatchObject({ outcome: 'charged' })
    expect(await usedOf(quotas)).toEqual(quotas.map(() => 1))
  }
})

test('the victim of a deadlock is charged by another attempt, once', async () => {
  const quotas = await newQuotas(TOTAL, MONTH)
  const [first, second] = quotas
  const holder = await holdRows([])
  // Who has changed more rows is not chosen as the victim.
  await holder.query('INSERT INTO guardrail (name) VALUES (1), (2), (3), (4), (5), (6), (7), (8)', soon())
  await holder.query(`SELECT id FROM quota WHERE id = ${second?.id} FOR UPDATE`, soon())
  const call = aCall()
  const charge = store.ledger.charge(quotas, 1, call)
  await until(async () => (await chargesInFlight()).length > 0)
  await holder.query(`SELECT id FROM quota WHERE id = ${first?.id} FOR UPDATE`, soon())
  await letGo(holder)
  expect(await charge).toMatchObject({ outcome: 'charged' })
  expect(call.storeWrites).toBeGreaterThanOrEqual(2)
  expect(await usedOf(quotas)).toEqual([1, 1])
})

test('with connections killed all the time, admitted is never more than charged, and charged never more than the amount', async () => {
  const quotas = await newQuotas({ ...TOTAL, amount: 400 })
  let admitted = 0
  let unknown = 0
  let running = true
  const killer = (async () => {
    while (running) await killCharges()
  })()
  await Promise.all(
    Array.from({ length: 500 }, async () => {
      try {
        if ((await store.ledger.charge(quotas, 1, aCall())).outcome === 'charged') admitted += 1
      } catch (error) {
        if (!(error instanceof Failure)) throw error
        if (error.chargeUnknown) unknown += 1
      }
    }),
  )
  running = false
  await killer
  expect(unknown).toBeGreaterThan(0)
  const [used] = await usedOf(quotas)
  expect(used).toBeLessThanOrEqual(400)
  expect(admitted).toBeLessThanOrEqual(used ?? 0)
  expect((used ?? 0) - admitted).toBeLessThanOrEqual(unknown)
})

test('idle connections that died are replaced without failing a charge that was never sent', async () => {
  const quotas = await newQuotas(TOTAL)
  await Promise.all(Array.from({ length: 8 }, () => store.ledger.charge(quotas, 1, aCall())))
  const database = new URL(url).pathname.slice(1)
  const idle = await server.run(`SELECT id FROM information_schema.processlist WHERE db = '${database}'`)
  expect(idle.length).toBeGreaterThan(0)
  for (const { id } of idle) await server.run(`KILL ${Number(id)}`)
  await until(
    async () =>
      (await server.run(`SELECT id FROM information_schema.processlist WHERE db = '${database}'`)).length ===
      0,
  )
  expect(await store.ledger.charge(quotas, 1, aCall())).toMatchObject({
    outcome: 'charged',
    states: [{ used: 9 }],
  })
  await store.ping()
  expect(await store.ownerBook.listOwners()).toHaveLength(1)
})

test('a server that stops is an outage, never a refusal; back again, everything works without a restart', async () => {
  const quotas = await newQuotas(TOTAL)
  await store.ledger.charge(quotas, 1, aCall())
  await server.halt()
  try {
    const outage = { name: 'Failure', reason: 'store_unavailable', chargeUnknown: false }
    await expect(store.ledger.charge(quotas, 1, aCall())).rejects.toMatchObject(outage)
    await expect(store.keyStore.find(new Uint8Array(32), -1, aCall())).rejects.toMatchObject(outage)
    await expect(store.ping()).rejects.toMatchObject(outage)
    await expect(store.ownerBook.listOwners()).rejects.toMatchObject(outage)
    await expect(store.migrationStatus()).rejects.toMatchObject(outage)
  } finally {
    await server.resume()
  }
  expect(await store.ledger.charge(quotas, 1, aCall())).toMatchObject({
    outcome: 'charged',
    states: [{ used: 2 }],
  })
  expect((await store.keyStore.find(new Uint8Array(32), -1, aCall())).key).toBeUndefined()
  await store.ping()
  expect(await store.ownerBook.listOwners()).toHaveLength(1)
})

test('what was answered survives a server that is killed', async () => {
  const quotas = await newQuotas(TOTAL)
  let admitted = 0
  let unknown = 0
  let killed = false
  const worker = async () => {
    while (!killed) {
      try {
        if ((await store.ledger.charge(quotas, 1, aCall())).outcome === 'charged') admitted += 1
      } catch (error) {
        if (error instanceof Failure && error.chargeUnknown) unknown += 1
        killed = true
      }
    }
  }
  const workers = Array.from({ length: 16 }, worker)
  await until(() => admitted >= 50)
  await server.halt('kill')
  await Promise.all(workers)
  await server.resume()
  const [used] = await usedOf(quotas)
  expect(used).toBeGreaterThanOrEqual(admitted)
  expect((used ?? 0) - admitted).toBeLessThanOrEqual(unknown)
})

test('a server that may only be read is an outage that charged nothing, and no book writes to it', async () => {
  const quotas = await newQuotas(TOTAL)
  const database = new URL(url).pathname.slice(1)
  await server.run(`CREATE USER 'plain'@'127.0.0.1' IDENTIFIED BY 'plain'`)
  await server.run(`GRANT ALL PRIVILEGES ON ${database}.* TO 'plain'@'127.0.0.1'`)
  const plain = await openStore({ url: url.replace('latchkey:latchkey@', 'plain:plain@'), clock })
  await server.run('SET GLOBAL read_only = 1')
  try {
    await expect(plain.ledger.charge(quotas, 1, aCall())).rejects.toMatchObject({
      reason: 'store_unavailable',
      chargeUnknown: false,
    })
    await expect(plain.policyBook.createGuardrail('x')).rejects.toMatchObject({ reason: 'store_unavailable' })
  } finally {
    await server.run('SET GLOBAL read_only = 0')
  }
  expect(await plain.ledger.charge(quotas, 1, aCall())).toMatchObject({
    outcome: 'charged',
    states: [{ used: 1 }],
  })
  await plain.close()
})

test('warnings are told for settings under which an answered charge could be forgotten, and only then', async () => {
  expect(await store.durabilityWarnings()).toEqual([])
  await server.run('SET GLOBAL innodb_flush_log_at_trx_commit = 2')
  await server.run('SET GLOBAL sync_binlog = 0')
  try {
    const warnings = await store.durabilityWarnings()
    expect(warnings).toHaveLength(2)
    expect(warnings[0]).toContain('innodb_flush_log_at_trx_commit is 2')
    expect(warnings[1]).toContain('sync_binlog is 0')
  } finally {
    await server.run('SET GLOBAL innodb_flush_log_at_trx_commit = 1')
    await server.run('SET GLOBAL sync_binlog = 1')
  }
})

test('a window named by a clock that is wrong is corrected by the database’s, and charged once', async () => {
  const quotas = await newQuotas({ ...MONTH, period: 'minute' })
  for (const offsetMs of [-90_000, 90_000, -86_400_000]) {
    const wrong = { ...clock, now: () => Date.now() + offsetMs, observe: () => undefined }
    const astray = await openStore({ url, clock: wrong })
    const call = aCall()
    expect((await astray.ledger.charge(quotas, 1, call)).outcome).toBe('charged')
    expect(call.storeWrites).toBeGreaterThanOrEqual(2)
    await astray.close()
  }
})
