// Units that nobody may use are counted once, on the page that alerts read, in either form of charging.
import { describe, expect, test } from 'vitest'
import { createClock } from '../../src/kernel/clock.ts'
import { openConnection } from '../../src/store/mysql/connection.ts'
import { parseMysqlUrl } from '../../src/store/mysql/mysql-url.ts'
import { openStore } from '../../src/store/store.ts'
import type { AppRig } from '../support/app-rig.ts'
import { aKeyIn, anApp } from '../support/app-rig.ts'
import { onClose } from '../support/closing.ts'
import { freshDatabase, runOnMariadb } from '../support/mariadb.ts'
import { samplesOf, sumIn } from '../support/metrics-page.ts'
import { CHARGE_FORMS } from '../support/stores.ts'

const A_LIMIT = { unit: 'requests', period: 'total', zone: 'UTC', amount: 100 } as const
const clock = createClock()

const anAppOnMariadb = async (settings: Readonly<Record<string, string>>) => {
  const url = await freshDatabase()
  const database = new URL(url).pathname.slice(1)
  onClose(async () => {
    await runOnMariadb(`DROP DATABASE ${database}`)
  })
  const preparing = await openStore({ url, clock })
  await preparing.migrate()
  await preparing.close()
  const rig = await anApp({ database_url: url, health_listen: '127.0.0.1:0', ...settings })
  const { secret } = await aKeyIn(rig.app.store, { limits: [A_LIMIT] })
  return { ...rig, url, database, secret }
}

const lostIn = async ({ app }: AppRig) => {
  const page = samplesOf(await (await fetch(`http://${app.healthAddress}/metrics`)).text())
  return {
    unknown: sumIn(page, 'latchkey_charges_unknown_total'),
    wasted: sumIn(page, 'latchkey_charges_wasted_total'),
  }
}

/** Holds every row as another transaction would, until let go. */
const holdRows = async (url: string): Promise<() => Promise<void>> => {
  const holder = await openConnection(parseMysqlUrl(url), clock, 3_000)
  const soon = () => clock.monotonicMs() + 20_000
  await holder.query('BEGIN', soon())
  await holder.query('SELECT id FROM quota FOR UPDATE', soon())
  return async () => {
    await holder.query('COMMIT', soon())
    await holder.end()
  }
}

const killCharges = async (database: string): Promise<number> => {
  const charges = await runOnMariadb(
    `SELECT id FROM information_schema.processlist WHERE db = '${database}' AND info LIKE 'UPDATE quota%'`,
  )
  // One may have ended by itself in between.
  const killed = await Promise.allSettled(charges.map(({ id }) => runOnMariadb(`KILL ${Number(id)}`)))
  return killed.filter(({ status }) => status === 'fulfilled').length
}

describe.each(CHARGE_FORMS)('in the %s form', (form) => {
  test('a charge whose connection is lost is a unit of which nobody knows', async () => {
    const rig = await anAppOnMariadb({ charge_form: form })
    expect(await rig.answer(rig.secret)).toMatchObject({ allowed: true })
    expect(await lostIn(rig)).toEqual({ unknown: 0, wasted: 0 })
    const letGo = await holdRows(rig.url)
    const asked = rig.answer(rig.secret)
    await expect.poll(() => killCharges(rig.database), { timeout: 20_000 }).toBeGreaterThan(0)
    expect(await asked).toMatchObject({ httpStatus: 503, reason: 'store_unavailable' })
    await letGo()
    expect(await lostIn(rig)).toEqual({ unknown: 1, wasted: 0 })
    expect(await rig.answer(rig.secret)).toMatchObject({ allowed: true })
  })
})

test('a unit that was charged for a caller who did not wait for it, nor come back, is wasted', async () => {
  const rig = await anAppOnMariadb({ check_timeout: '500ms', retry_horizon: '501ms' })
  await expect.poll(() => rig.answer(rig.secret), { timeout: 20_000 }).toMatchObject({ allowed: true })
  const letGo = await holdRows(rig.url)
  expect(await rig.answer(rig.secret)).toMatchObject({ httpStatus: 503, reason: 'deadline_exceeded' })
  await letGo()
  // Whoever is charged next makes room in the memory of retries.
  const next = async () => {
    await rig.answer(rig.secret)
    return (await lostIn(rig)).wasted
  }
  await expect.poll(next, { timeout: 20_000 }).toBeGreaterThan(0)
  expect(await lostIn(rig)).toMatchObject({ unknown: 0 })
})
