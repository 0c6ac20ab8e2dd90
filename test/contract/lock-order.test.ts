// A book that retires many quota rows locks them by id ascending, as charges do: whoever waits for one holds none above it.
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { holdRows } from '../support/held-rows.ts'
import { runOnMariadb } from '../support/mariadb.ts'
import type { TestStore } from '../support/stores.ts'
import { aDraft, createKey, openMariadbStore, quotaRow } from '../support/stores.ts'
import { until } from '../support/until.ts'

const DAY = { unit: 'requests', period: 'day', zone: 'UTC', amount: 100 } as const

let opened: TestStore
beforeAll(async () => {
  opened = await openMariadbStore()
  await opened.store.migrate()
})
afterAll(() => opened.close())

/** Runs `work` while somebody holds the row `id`, and looks, once it waits, whether a row above it is locked. */
const waitingAt = async (id: number, work: () => Promise<unknown>): Promise<void> => {
  const held = await holdRows(opened.url, [])
  await held.run(`SELECT id FROM quota WHERE id = ${id} FOR UPDATE`)
  const working = work()
  await until(isWaiting)
  const above = opened.read(`SELECT id FROM quota WHERE id > ${id} FOR UPDATE NOWAIT`)
  const seen = await above.then(
    (rows) => rows.length,
    (error: unknown) => error,
  )
  await held.letGo()
  await working
  expect(seen).toBeGreaterThan(0)
  expect(await quotaRow(opened, id)).toMatchObject({ usable_until: 0 })
}

/** InnoDB tells what it told before to whoever asks again within a tenth of a second: asked for ever, it would never look again. */
const INNODB_REMEMBERS_MS = 150

const isWaiting = async (): Promise<boolean> => {
  await pause(INNODB_REMEMBERS_MS)
  const rows = await runOnMariadb(
    `SELECT p.id FROM information_schema.innodb_trx t JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
     WHERE t.trx_state = 'LOCK WAIT' AND p.db = '${new URL(opened.url).pathname.slice(1)}'`,
  )
  return rows.length > 0
}

const limitRow = async (subject: string): Promise<number> => {
  const [row] = await opened.read(
    `SELECT l.quota_id FROM quota_limit l JOIN owner o ON o.id = l.subject_id WHERE o.path = '${subject}'`,
  )
  return Number(row?.['quota_id'])
}

test('keys of an owner that are revoked in several statements', async () => {
  const { keyBook } = opened.store
  await createKey(opened, { ownerPath: 'bulk' })
  await keyBook.createKeys(Array.from({ length: 299 }, () => aDraft({ ownerPath: 'bulk' })))
  const rows = await opened.read('SELECT quota_id FROM virtual_key ORDER BY id')
  // Of those in the last statement, the lowest; nearly all of the others are above it.
  const late = rows.slice(256).map((row) => Number(row['quota_id']))
  await waitingAt(Math.min(...late), () => keyBook.revokeKeysOf({ ownerPath: 'bulk', expected: 300 }))
})

test('limits of an owner that is deleted, and of its revoked keys', async () => {
  const { keyBook, limitBook, ownerBook } = opened.store
  await ownerBook.createOwner('gone', aDraft().rules)
  await limitBook.createLimit('gone', DAY)
  const key = await createKey(opened, { ownerPath: 'gone', limits: [DAY] })
  await keyBook.revokeKey(key.id)
  await waitingAt(await limitRow('gone'), () => ownerBook.deleteOwner('gone'))
})

test('limits of owners of which one is pruned and another is disabled', async () => {
  const { limitBook, ownerBook, stateBook } = opened.store
  for (const path of ['pruned', 'switched']) {
    await ownerBook.createOwner(path, aDraft().rules)
    await limitBook.createLimit(path, DAY)
  }
  const { owners } = await stateBook.readState()
  const kept = owners
    .filter(({ path }) => path !== 'pruned')
    .map((owner) => ({ ...owner, disabled: owner.path === 'switched' }))
  const declared = { guardrails: undefined, policies: undefined, models: undefined, owners: kept }
  await waitingAt(await limitRow('pruned'), () =>
    stateBook.applyState(declared, { prune: true, dryRun: false }),
  )
  expect(await quotaRow(opened, await limitRow('switched'))).toMatchObject({ usable_until: 0 })
})
