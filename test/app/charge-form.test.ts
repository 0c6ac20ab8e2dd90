// Where charges cannot go in groups the program serves all the same, exactly, and says why.
import { expect, test } from 'vitest'
import { createClock } from '../../src/kernel/clock.ts'
import { openStore } from '../../src/store/store.ts'
import { aKeyIn, anApp } from '../support/app-rig.ts'
import { onClose } from '../support/closing.ts'
import { freshDatabase, runOnMariadb } from '../support/mariadb.ts'
import { samplesOf, sumIn } from '../support/metrics-page.ts'

/** Migrated, and then spoilt by `statement`. */
const aDatabase = async (statement?: string): Promise<string> => {
  const url = await freshDatabase()
  const database = new URL(url).pathname.slice(1)
  onClose(async () => {
    await runOnMariadb(`DROP DATABASE ${database}`)
  })
  const store = await openStore({ url, clock: createClock() })
  await store.migrate()
  await store.close()
  if (statement !== undefined) await runOnMariadb(statement, database)
  return url
}

test.each([
  ['as it should be', undefined, 'grouped', []],
  [
    'without the CHECK that a charge rests on',
    'ALTER TABLE quota DROP CONSTRAINT charge_fits',
    'direct',
    [expect.stringContaining('CHECK')],
  ],
])('on a database %s', async (_, statement, form, reasons) => {
  const rig = await anApp({ database_url: await aDatabase(statement), health_listen: '127.0.0.1:0' })
  const limits = [{ unit: 'requests', period: 'total', zone: 'UTC', amount: 3 }] as const
  const { secret } = await aKeyIn(rig.app.store, { limits })
  const answers = await Promise.all(Array.from({ length: 8 }, () => rig.answer(secret)))
  expect(answers.filter(({ allowed }) => allowed)).toHaveLength(3)
  const page = samplesOf(await (await fetch(`http://${rig.app.healthAddress}/metrics`)).text())
  expect(sumIn(page, 'latchkey_charge_form', { form })).toBe(1)
  expect(sumIn(page, 'latchkey_charge_form')).toBe(1)
  const lines = rig.log.map((line) => JSON.parse(line) as { level: string; msg: string; because?: string })
  expect(lines.filter(({ msg }) => msg === 'charging')).toMatchObject([{ level: 'info', form }])
  const warnings = lines.filter(({ msg }) => msg === 'charges fell back to the direct form')
  expect(warnings.map(({ level, because }) => [level, because])).toEqual(
    reasons.map((because) => ['warn', because]),
  )
})
