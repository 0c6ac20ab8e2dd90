// Faults of the server and of the network: never over, nothing lost in silence, and well again without a restart.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Call } from '../../src/kernel/call.ts'
import { createCall } from '../../src/kernel/call.ts'
import { createClock } from '../../src/kernel/clock.ts'
import { Failure } from '../../src/kernel/failure.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import { SILENT_OBSERVER } from '../../src/quota/charge-observer.ts'
import type { LimitDraft } from '../../src/quota/limit-book.ts'
import type { Quota } from '../../src/quota/quota.ts'
import type { Store } from '../../src/store/store.ts'
import { openStore } from '../../src/store/store.ts'
import { chargesInFlight, holdRows } from '../support/held-rows.ts'
import type { MariadbServer } from '../support/mariadb.ts'
import { startMariadb } from '../support/mariadb.ts'
import { aDraft, CHARGE_FORMS, chargedQuotas } from '../support/stores.ts'
import { until } from '../support/until.ts'

const clock = createClock()
/** Time enough to send a charge on a busy machine: it is what was sent that is late. */
const LATE_MS = 1_000

const aCall = (timeoutMs = 20_000): Call => createCall(clock.monotonicMs() + timeoutMs)
const TOTAL = { unit: 'requests', period: 'total', zone: 'UTC', amount: 1_000_000 } as const
const MONTH = { ...TOTAL, period: 'month' } as const

let server: MariadbServer
let url: string
let store: Store
beforeAll(async () => {
  server = await startMariadb()
  for (const what of ['lock_timeouts', 'lock_deadlocks'])
    await server.run(`SET GLOBAL innodb_monitor_enable = '${what}'`)
})
afterAll(() => server.stop())
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

const inFlight = () => chargesInFlight(server.run, url)

const killCharges = async (): Promise<number> => {
  const ids = await inFlight()
  // One may have ended by itself in between.
  await Promise.all(ids.map((id) => server.run(`KILL ${id}`).catch(() => undefined)))
  return ids.length
}

/** How often the server has counted it since it was started. */
const counted = async (what: 'lock_timeouts' | 'lock_deadlocks'): Promise<number> => {
  const [row] = await server.run(`SELECT count FROM information_schema.innodb_metrics WHERE name = '${what}'`)
  return Number(row?.['count'])
}

/** How many wait for a row now. (What information_schema tells of transactions is not renewed for who asks every few milliseconds.) */
const lockWaits = async (): Promise<number> => {
  const [row] = await server.run("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")
  return Number(row?.['Value'])
}

describe.each(CHARGE_FORMS)('faults, %s', (chargeForm) => {
  let unknownUnits = 0
  const chargeObserver = {
    ...SILENT_OBSERVER,
    unknown: (units: number) => {
      unknownUnits += units
    },
  }

  beforeEach(async () => {
    unknownUnits = 0
    url = await server.freshDatabase()
    store = await openStore({ url, clock, chargeForm, chargeObserver })
    await store.migrate()
    await store.ownerBook.createOwner('acme', NO_RULES)
    return () => store.close()
  })

  test('a connection killed under a charge leaves the charge unknown, and the next one has a connection', async () => {
    const quotas = await newQuotas(TOTAL)
    const held = await holdRows(url, quotas)
    const charge = store.ledger.charge(quotas, 1, aCall())
    charge.catch(() => undefined)
    await until(async () => (await killCharges()) > 0)
    await expect(charge).rejects.toMatchObject({ reason: 'store_unavailable', chargeUnknown: true })
    await held.letGo()
    expect(await usedOf(quotas)).toEqual([0])
    expect(await store.ledger.charge(quotas, 1, aCall())).toMatchObject({
      outcome: 'charged',
      states: [{ used: 1 }],
    })
  })

  test('a charge that is interrupted is unknown, and changed no row', async () => {
    const quotas = await newQuotas(TOTAL)
    const held = await holdRows(url, quotas)
    const charge = Promise.allSettled([store.ledger.charge(quotas, 1, aCall())])
    await until(async () => (await inFlight()).length > 0)
    for (const id of await inFlight()) await server.run(`KILL QUERY ${id}`)
    expect(await charge).toMatchObject([
      { status: 'rejected', reason: { reason: 'store_unavailable', chargeUnknown: true } },
    ])
    await held.letGo()
    expect(await usedOf(quotas)).toEqual([0])
    expect(await store.ledger.charge(quotas, 1, aCall())).toMatchObject({ outcome: 'charged' })
  })

  test('a lock that is not granted in a second is asked for again, and charged once', async () => {
    for (const quotas of [await newQuotas(TOTAL), await newQuotas(TOTAL, MONTH)]) {
      const before = await counted('lock_timeouts')
      const held = await holdRows(url, quotas.slice(-1))
      const charge = store.ledger.charge(quotas, 1, aCall())
      await until(async () => (await counted('lock_timeouts')) > before)
      await held.letGo()
      expect(await charge).toMatchObject({ outcome: 'charged' })
      expect(await usedOf(quotas)).toEqual(quotas.map(() => 1))
    }
  })

  test('the victim of a deadlock is charged by another attempt, once', async () => {
    const quotas = await newQuotas(TOTAL, MONTH)
    const [first, second] = quotas
    const before = await counted('lock_deadlocks')
    const held = await holdRows(url, [])
    // Who has changed more rows is not chosen as the victim.
    await held.run('INSERT INTO guardrail (name) VALUES (1), (2), (3), (4), (5), (6), (7), (8)')
    await held.run(`SELECT id FROM quota WHERE id = ${second?.id} FOR UPDATE`)
    const charge = store.ledger.charge(quotas, 1, aCall())
    // It waits for the second row only once it has locked the first one.
    await until(async () => (await lockWaits()) > 0)
    await held.run(`SELECT id FROM quota WHERE id = ${first?.id} FOR UPDATE`)
    await held.letGo()
    expect(await charge).toMatchObject({ outcome: 'charged' })
    expect(await counted('lock_deadlocks')).toBeGreaterThan(before)
    expect(await usedOf(quotas)).toEqual([1, 1])
  })

  test('with connections killed again and again, admitted is never more than charged, nor charged more than the amount', async () => {
    const amount = 150
    const quotas = await newQuotas({ ...TOTAL, amount })
    const told = { admitted: 0, refused: 0, unknown: 0 }
    const ask = async () => {
      try {
        const { outcome } = await store.ledger.charge(quotas, 1, aCall())
        if (outcome === 'charged') told.admitted += 1
        else told.refused += 1
      } catch (error) {
        if (!(error instanceof Failure)) throw error
        if (error.chargeUnknown) told.unknown += 1
      }
    }
    const askTimes = (times: number) => Promise.all(Array.from({ length: times }, ask))
    for (let round = 0; told.refused === 0; round += 1) {
      const held = round < 6 ? await holdRows(url, quotas) : undefined
      const asked = askTimes(20)
      if (held !== undefined) await until(async () => (await killCharges()) > 0)
      await held?.letGo()
      await asked
      await askTimes(20)
    }
    expect(told.unknown).toBeGreaterThan(0)
    const [used = 0] = await usedOf(quotas)
    expect(used).toBeLessThanOrEqual(amount)
    expect(told.admitted).toBeLessThanOrEqual(used)
    expect(used - told.admitted).toBeLessThanOrEqual(told.unknown)
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
        (await server.run(`SELECT id FROM information_schema.processlist WHERE db = '${database}'`))
          .length === 0,
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
    await server.run(`CREATE USER IF NOT EXISTS 'plain'@'127.0.0.1' IDENTIFIED BY 'plain'`)
    await server.run(`GRANT ALL PRIVILEGES ON ${database}.* TO 'plain'@'127.0.0.1'`)
    const plain = await openStore({
      url: url.replace('latchkey:latchkey@', 'plain:plain@'),
      clock,
      chargeForm,
    })
    await server.run('SET GLOBAL read_only = 1')
    try {
      await expect(plain.ledger.charge(quotas, 1, aCall())).rejects.toMatchObject({
        reason: 'store_unavailable',
        chargeUnknown: false,
      })
      await expect(plain.policyBook.createGuardrail('x')).rejects.toMatchObject({
        reason: 'store_unavailable',
      })
    } finally {
      await server.run('SET GLOBAL read_only = 0')
    }
    expect(await plain.ledger.charge(quotas, 1, aCall())).toMatchObject({
      outcome: 'charged',
      states: [{ used: 1 }],
    })
    await plain.close()
  })

  test('a window named by a clock that is wrong is corrected by the database’s, and charged once', async () => {
    const quotas = await newQuotas({ ...MONTH, period: 'minute' })
    for (const offsetMs of [-90_000, 90_000, -86_400_000]) {
      const wrong = { ...clock, now: () => Date.now() + offsetMs, observe: () => undefined }
      const astray = await openStore({ url, clock: wrong, chargeForm })
      expect((await astray.ledger.charge(quotas, 1, aCall())).outcome).toBe('charged')
      await astray.close()
    }
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

  if (chargeForm === 'grouped') {
    test('a connection killed under a group leaves all of its charges unknown, and all of their rows as they were', async () => {
      const quotas = await newQuotas(TOTAL, MONTH)
      const held = await holdRows(url, quotas.slice(1))
      const charges = Promise.allSettled(
        [1, 2, 3].map((units) => store.ledger.charge(quotas, units, aCall())),
      )
      await until(async () => (await killCharges()) > 0)
      for (const charge of await charges)
        expect(charge).toMatchObject({
          status: 'rejected',
          reason: { reason: 'store_unavailable', chargeUnknown: true },
        })
      await held.letGo()
      expect(unknownUnits).toBe(6)
      expect(await usedOf(quotas)).toEqual([0, 0])
    })

    test('a charge that was sent is told what became of it, however late its caller is', async () => {
      const quotas = await newQuotas(TOTAL, MONTH)
      const held = await holdRows(url, quotas.slice(1))
      const call = aCall(LATE_MS)
      const charge = store.ledger.charge(quotas, 1, call)
      await until(() => clock.monotonicMs() > call.deadlineMs)
      call.cancelled = true
      await held.letGo()
      expect(await charge).toMatchObject({ outcome: 'charged' })
      expect(await usedOf(quotas)).toEqual([1, 1])
      expect(unknownUnits).toBe(0)
    })

    test('a caller that leaves or is late while another group is under way is not charged', async () => {
      const quotas = await newQuotas(TOTAL, MONTH)
      const held = await holdRows(url, quotas.slice(1))
      const first = store.ledger.charge(quotas, 1, aCall())
      await until(async () => (await inFlight()).length > 0)
      const [gone, late] = [aCall(), aCall(50)]
      const charges = Promise.allSettled([gone, late].map((call) => store.ledger.charge(quotas, 1, call)))
      gone.cancelled = true
      await until(() => clock.monotonicMs() > late.deadlineMs)
      await held.letGo()
      for (const charge of await charges)
        expect(charge).toMatchObject({
          status: 'rejected',
          reason: { reason: 'deadline_exceeded', chargeUnknown: false },
        })
      expect(await first).toMatchObject({ outcome: 'charged' })
      expect(await usedOf(quotas)).toEqual([1, 1])
    })

    test('rows that somebody holds for long are the trouble of those who want them, and charge nothing', async () => {
      const quotas = await newQuotas(TOTAL, MONTH)
      const others = await newQuotas(TOTAL)
      const held = await holdRows(url, quotas.slice(1))
      await expect(store.ledger.charge(quotas, 1, aCall())).rejects.toMatchObject({
        reason: 'overloaded',
        chargeUnknown: false,
      })
      expect(await store.ledger.charge(others, 1, aCall())).toMatchObject({ outcome: 'charged' })
      await held.letGo()
      expect(await usedOf(quotas)).toEqual([0, 0])
    })
    return
  }

  test('a connection killed before COMMIT was sent certainly charged nothing, and the charge is made on another', async () => {
    const quotas = await newQuotas(TOTAL, MONTH)
    const held = await holdRows(url, quotas.slice(1))
    const call = aCall()
    const charge = store.ledger.charge(quotas, 1, call)
    await until(async () => (await killCharges()) > 0)
    await until(() => call.storeWrites >= 2)
    await held.letGo()
    expect(await charge).toMatchObject({ outcome: 'charged' })
    expect(await usedOf(quotas)).toEqual([1, 1])
  })

  test('a deadline that passes under a charge leaves it unknown, and cuts the connection', async () => {
    const quotas = await newQuotas(TOTAL)
    const held = await holdRows(url, quotas)
    await expect(store.ledger.charge(quotas, 1, aCall(LATE_MS))).rejects.toMatchObject({
      reason: 'store_unavailable',
      chargeUnknown: true,
    })
    await held.letGo()
    await until(async () => (await inFlight()).length === 0)
    const [wasted] = await usedOf(quotas)
    expect(wasted).toBeLessThanOrEqual(1)
    expect(await store.ledger.charge(quotas, 1, aCall())).toMatchObject({ outcome: 'charged' })
    expect(await usedOf(quotas)).toEqual([(wasted ?? 0) + 1])
  })

  test('a deadline that passes before COMMIT was sent certainly charged nothing', async () => {
    const quotas = await newQuotas(TOTAL, MONTH)
    const held = await holdRows(url, quotas.slice(1))
    await expect(store.ledger.charge(quotas, 1, aCall(LATE_MS))).rejects.toMatchObject({
      reason: 'store_unavailable',
      chargeUnknown: false,
    })
    await held.letGo()
    await until(async () => (await inFlight()).length === 0)
    expect(await usedOf(quotas)).toEqual([0, 0])
  })

  test('a caller that leaves before COMMIT was sent is not charged', async () => {
    const quotas = await newQuotas(TOTAL, MONTH)
    const held = await holdRows(url, quotas.slice(1))
    const call = aCall()
    const charge = store.ledger.charge(quotas, 1, call)
    charge.catch(() => undefined)
    await until(async () => (await inFlight()).length > 0)
    call.cancelled = true
    await held.letGo()
    await expect(charge).rejects.toMatchObject({ reason: 'deadline_exceeded', chargeUnknown: false })
    expect(await usedOf(quotas)).toEqual([0, 0])
    expect(await store.ledger.charge(quotas, 1, aCall())).toMatchObject({ outcome: 'charged' })
  })
})
