// The traps of connections on the way to an exact charge, each with the rule that avoids it.
import { expect, test } from 'vitest'
import { createClock } from '../../src/kernel/clock.ts'
import { MOST_KEYS_TOGETHER } from '../../src/keys/key-store.ts'
import { SILENT_OBSERVER } from '../../src/quota/charge-observer.ts'
import { openConnection } from '../../src/store/mysql/connection.ts'
import { parseMysqlUrl } from '../../src/store/mysql/mysql-url.ts'
import { chargingOf } from '../support/charging.ts'
import { onClose } from '../support/closing.ts'
import { holdRows } from '../support/held-rows.ts'
import {
  aDigest,
  aDraft,
  createKey,
  describeMariadbForms,
  NOON,
  quotaRow,
  wantedKey,
} from '../support/stores.ts'
import { until } from '../support/until.ts'

const TOTAL = { unit: 'requests', period: 'total', zone: 'UTC', amount: 1_000 } as const
const clock = createClock()
const soon = () => clock.monotonicMs() + 20_000

type Run = (text: string) => Promise<void>

describeMariadbForms('traps of connections', (get, form) => {
  const { chargeTimes, openReplica, usedOf, inFlight } = chargingOf(get)

  test('a server that does not answer: the connection is cut, the charge is unknown, and the next one is made', async () => {
    let unknown = 0
    const chargeObserver = {
      ...SILENT_OBSERVER,
      unknown: (units: number) => {
        unknown += units
      },
    }
    const { quotas } = await createKey(get(), { limits: [TOTAL] })
    const replica = await openReplica({}, { chargeObserver })
    await chargeTimes(1, replica, quotas)
    const held = await holdRows(get().url, [])
    await held.run('LOCK TABLES quota WRITE')
    // A group's statement has a limit of its own, a direct one that of its call.
    const call = get().newCall(form === 'grouped' ? 20_000 : 300)
    await expect(replica.ledger.charge(quotas, 1, call)).rejects.toMatchObject({
      reason: 'store_unavailable',
      message: 'the database did not answer in time',
      chargeUnknown: true,
    })
    await held.run('UNLOCK TABLES')
    await held.letGo()
    await until(async () => (await inFlight()) === 0)
    expect(unknown).toBe(1)
    const [used = 0] = await usedOf(quotas)
    expect(used).toBeLessThanOrEqual(2)
    expect(await chargeTimes(1, replica, quotas)).toMatchObject([{ states: [{ used: used + 1 }] }])
  })

  test('FOUND_ROWS: no connection counts rows that it did not change', async () => {
    const { quotas } = await createKey(get(), { limits: [TOTAL] })
    for (const multipleStatements of [false, true]) {
      const connection = await openConnection(parseMysqlUrl(get().url), clock, 3_000, multipleStatements)
      onClose(() => connection.end())
      const reply = await connection.query(`UPDATE quota SET used = used WHERE id = ${quotas[0]?.id}`, soon())
      expect(reply.affectedRows).toBe(0)
    }
  })

  test('sessions: whatever the server’s defaults are, a charge is exact and in its window', async () => {
    const { quotas } = await createKey(get(), { limits: [{ ...TOTAL, period: 'day', amount: 20 }] })
    const replica = await openReplica({
      onConnection: async (run) => {
        await run("SET tx_isolation = 'SERIALIZABLE', time_zone = '+05:30', autocommit = 0")
        await run(`SET sql_mode = '', innodb_lock_wait_timeout = 50, timestamp = ${NOON / 1_000}.0005`)
      },
    })
    const outcomes = await chargeTimes(30, replica, quotas)
    expect(outcomes.filter(({ outcome }) => outcome === 'charged')).toHaveLength(20)
    expect(await quotaRow(get(), quotas[0]?.id ?? 0)).toMatchObject({
      used: 20,
      window_start: Date.UTC(2026, 10, 21),
      window_end: Date.UTC(2026, 10, 22),
    })
  })

  test('pools: who finds too many waiting is refused as overload at once, and whoever waits is served', async () => {
    const { quotas } = await createKey(get(), { limits: [TOTAL] })
    const replica = await openReplica({ quotaConnections: 1, queueLimit: 4 })
    await chargeTimes(1, replica, quotas)
    const held = await holdRows(get().url, quotas)
    const first = chargeTimes(1, replica, quotas)
    await until(async () => (await inFlight()) > 0)
    const asked = Promise.allSettled(
      Array.from({ length: 7 }, () => replica.ledger.charge(quotas, 1, get().newCall())),
    )
    await held.letGo()
    const outcomes = (await asked).map((one) => (one.status === 'fulfilled' ? one.value : one.reason))
    expect(outcomes.map((one) => one.outcome ?? one.reason)).toEqual([
      ...Array(4).fill('charged'),
      ...Array(3).fill('overloaded'),
    ])
    await first
    expect(await usedOf(quotas)).toEqual([6])
  })

  test('multipleStatements: every connection but the writer’s refuses an injected statement', async () => {
    const accepted: boolean[] = []
    const replica = await openReplica({
      onConnection: async (run) => {
        accepted.push(
          await run('SELECT 1; UPDATE quota SET used = 0 WHERE id = 0').then(
            () => true,
            () => false,
          ),
        )
      },
    })
    const { quotas } = await createKey(get(), { limits: [TOTAL] })
    await chargeTimes(8, replica, quotas)
    await replica.ledger.peek(quotas, get().newCall())
    await replica.keyStore.find(aDigest(), -1, get().newCall())
    await replica.keyBook.createKeys([aDraft()])
    await replica.migrate()
    await replica.durabilityWarnings()
    expect(accepted.length).toBeGreaterThanOrEqual(4)
    expect(accepted.filter(Boolean)).toHaveLength(form === 'grouped' ? 1 : 0)
  })

  test('prepared statements: few and always the same on each connection, however much it does', async () => {
    const connections: Run[] = []
    const replica = await openReplica({ onConnection: async (run) => void connections.push(run) })
    const { digest, quotas } = await createKey(get(), { limits: [TOTAL] })
    for (let n = 0; n < 100; n += 1) {
      await replica.keyStore.find(n % 2 === 0 ? digest : aDigest(), n, get().newCall())
      const several = Array.from({ length: 1 + (n % MOST_KEYS_TOGETHER) }, () => wantedKey(aDigest()))
      await replica.keyStore.findAll(several, n, get().newCall())
      await chargeTimes(2, replica, quotas)
    }
    expect(connections.length).toBeGreaterThan(1)
    // An error, when there were more.
    const assertFew = `SELECT IF(variable_value <= 2, 0, EXP(10000)) FROM information_schema.session_status
      WHERE variable_name = 'COM_STMT_PREPARE'`
    for (const run of connections) await run(assertFew)
  })
})
