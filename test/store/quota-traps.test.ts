// The traps of statements and rows on the way to an exact charge, each with the rule that avoids it.
import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { SILENT_OBSERVER } from '../../src/quota/charge-observer.ts'
import { FOREVER } from '../../src/quota/quota.ts'
import { CHARGE } from '../../src/store/mysql/charge/direct-statements.ts'
import { chargeGroup, GROUP_CHARGE, LOCKED_CHARGE } from '../../src/store/mysql/charge/group-statement.ts'
import { chargingOf } from '../support/charging.ts'
import { holdRows } from '../support/held-rows.ts'
import { createKey, describeMariadbForms, NOON } from '../support/stores.ts'
import { until } from '../support/until.ts'

const TOTAL = { unit: 'requests', period: 'total', zone: 'UTC', amount: 1_000 } as const

describeMariadbForms('traps of the statement', (get, form) => {
  const { chargeTimes, openReplica, usedOf, inFlight } = chargingOf(get)

  test('range errors: columns are signed, and held at 0 and above by a CHECK', async () => {
    await expect(get().write('SELECT 9223372036854775807 + 1')).rejects.toMatchObject({ errno: 1690 })
    const columns = await get().read(
      `SELECT DISTINCT column_type AS type FROM information_schema.columns
       WHERE table_schema = DATABASE() AND table_name = 'quota'`,
    )
    expect(columns.map(({ type }) => type)).toEqual(['bigint(20)'])
    const { quotas } = await createKey(get(), { limits: [TOTAL] })
    for (const column of ['amount', 'used'])
      await expect(
        get().write(`UPDATE quota SET ${column} = -1 WHERE id = ${quotas[0]?.id}`),
      ).rejects.toMatchObject({ errno: 4025 })
  })

  test('NOW(): the statement names its window, and never compares with ≠', () => {
    for (const { text } of [CHARGE, GROUP_CHARGE, LOCKED_CHARGE]) {
      expect(text).toContain('window_end = ?')
      expect(text).not.toMatch(/<>|!=|\bNOW\(|SYSDATE|CURRENT_TIMESTAMP/i)
    }
  })

  test('a revocation that was committed while a charge waited for the row is honoured', async () => {
    const { id, quotas } = await createKey(get(), { limits: [TOTAL] })
    const replica = await openReplica()
    await chargeTimes(1, replica, quotas)
    const held = await holdRows(get().url, quotas)
    const revoked = get().store.keyBook.setKeyDisabled(id, true)
    await until(async () => (await inFlight()) > 0)
    const charge = chargeTimes(1, replica, quotas)
    await until(async () => (await inFlight()) > 1)
    await held.letGo()
    await revoked
    expect(await charge).toEqual([{ outcome: 'stale' }])
    expect(await usedOf(quotas)).toEqual([1])
  })

  test('one that was committed before the charge began is honoured, whatever that replica has seen', async () => {
    const { id, quotas } = await createKey(get(), { limits: [TOTAL, { ...TOTAL, period: 'month' }] })
    const replica = await openReplica()
    await chargeTimes(1, replica, quotas)
    await get().store.keyBook.setKeyDisabled(id, true)
    expect(await chargeTimes(3, replica, quotas)).toEqual(Array(3).fill({ outcome: 'stale' }))
    expect(await usedOf(quotas)).toEqual([1, 1])
  })

  test('several rows: one that does not take its units is not skipped, nor are the others charged', async () => {
    const { quotas } = await createKey(get(), {
      limits: [TOTAL, { ...TOTAL, period: 'month', amount: 1 }, { ...TOTAL, period: 'day' }],
    })
    const replica = await openReplica()
    await chargeTimes(1, replica, quotas)
    await chargeTimes(1, get().store, quotas)
    const both = await Promise.all([chargeTimes(4, replica, quotas), chargeTimes(4, get().store, quotas)])
    const outcomes = both.flat()
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(Array(8).fill('exhausted'))
    expect(await usedOf(quotas)).toEqual([1, 1, 1])
  })

  test('a row that is gone makes the charge stale; units taken from its neighbours are told as wasted', async () => {
    let wasted = 0
    const chargeObserver = {
      ...SILENT_OBSERVER,
      wasted: (units: number) => {
        wasted += units
      },
    }
    const { quotas } = await createKey(get(), { limits: [TOTAL, { ...TOTAL, period: 'month' }] })
    const [kept, gone] = quotas
    const replica = await openReplica({}, { chargeObserver })
    await chargeTimes(1, replica, quotas)
    await get().write(`DELETE FROM quota WHERE id = ${gone?.id}`)
    expect(await chargeTimes(2, replica, quotas)).toEqual(Array(2).fill({ outcome: 'stale' }))
    const [used = 0] = await usedOf(kept === undefined ? [] : [kept])
    expect(used - 1).toBe(wasted)
    expect(wasted).toBe(form === 'grouped' ? 2 : 0)
  })

  test('numbers: nothing but whole ones enters the text of a charge, and they enter as digits', () => {
    const row = { id: 1, units: 1, windowStartMs: 0, windowEndMs: FOREVER }
    const text = chargeGroup([row, { id: 2, units: FOREVER, windowStartMs: NOON, windowEndMs: FOREVER }])
    expect(text).not.toMatch(/\d[.e]|"|`|;|--|\/\*/)
    for (const wrong of [
      Number.NaN,
      Number.POSITIVE_INFINITY,
      1.5,
      2 ** 53,
      JSON.parse('"1; DROP TABLE quota"'),
    ])
      for (const column of ['id', 'units', 'windowStartMs', 'windowEndMs'])
        expect(() => chargeGroup([row, { ...row, id: 2, [column]: wrong }])).toThrow(RangeError)
  })

  test('named zones: a stock server does not know them, and no statement asks it to', async () => {
    const [converted] = await get().read("SELECT CONVERT_TZ('2026-11-21', 'UTC', 'Europe/Berlin') AS local")
    expect(converted).toEqual({ local: null })
    const asking = globSync(['src/**/*.ts', 'migrations/**/*.sql']).filter((path) =>
      /CONVERT_TZ/i.test(readFileSync(path, 'utf8')),
    )
    expect(asking).toEqual([])
  })

  test('big groups: 600 rows at once are all charged, never more than 256 in one statement', async () => {
    const groups: { charges: number; rows: number }[] = []
    const chargeObserver = {
      ...SILENT_OBSERVER,
      group: (group: { charges: number; rows: number }) => groups.push(group),
    }
    const replica = await openReplica({}, { chargeObserver })
    const { key } = await createKey(get())
    await get().write(
      `INSERT INTO quota (id, amount, usable_until) SELECT 1000000 + seq, 5, ${FOREVER} FROM seq_1_to_600`,
    )
    const quotas = Array.from({ length: 600 }, (_, n) => ({ ...key.usabilityQuota, id: 1_000_001 + n }))
    const outcomes = await Promise.all(
      quotas.map((quota) => replica.ledger.charge([quota], 1, get().newCall())),
    )
    expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(['charged']))
    expect(await get().read('SELECT COUNT(*) AS n FROM quota WHERE id > 1000000 AND used = 1')).toEqual([
      { n: 600 },
    ])
    expect(Math.max(0, ...groups.map(({ rows }) => rows))).toBe(form === 'grouped' ? 256 : 0)
  })

  test('hot rows: the table has no partition, trigger, foreign key or second index', async () => {
    const ofQuota = "table_schema = DATABASE() AND table_name = 'quota'"
    for (const [table, where] of [
      ['partitions', `${ofQuota} AND partition_name IS NOT NULL`],
      ['triggers', "event_object_schema = DATABASE() AND event_object_table = 'quota'"],
      ['key_column_usage', `${ofQuota} AND referenced_table_name IS NOT NULL`],
      ['statistics', `${ofQuota} AND index_name <> 'PRIMARY'`],
    ])
      expect(await get().read(`SELECT 1 FROM information_schema.${table} WHERE ${where}`), table).toEqual([])
  })
})
