// The file of an embedded store: private, durable, one file for many processes, and clear words when it cannot be.
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createCall } from '../../src/kernel/call.ts'
import { createClock } from '../../src/kernel/clock.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import { openStore } from '../../src/store/store.ts'
import { createKey, openSqliteStore, quotaRow } from '../support/stores.ts'
import { until } from '../support/until.ts'

const DAY = { unit: 'requests', period: 'day', zone: 'UTC', amount: 100 } as const

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latchkey-file-'))
})
afterEach(() => rm(folder, { recursive: true }))

const open = (path: string) => openStore({ url: `sqlite:${path}`, clock: createClock() })

test('nobody but the owner may read the file and its logs', async () => {
  const path = join(folder, 'store.db')
  const store = await open(path)
  await store.migrate()
  for (const name of ['store.db', 'store.db-wal', 'store.db-shm'])
    expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600)
  await store.close()
})

test('every commit waits for the disk, and the log is written ahead', async () => {
  const path = join(folder, 'store.db')
  const store = await open(path)
  expect(await store.durabilityWarnings()).toEqual([])
  const database = new DatabaseSync(path, { readOnly: true })
  expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' })
  database.close()
  await store.close()
})

test('a folder that is missing, a file that is no database, and a path that is a folder are refused in words', async () => {
  const missing = {
    name: 'Rejection',
    code: 'invalid',
    message: expect.stringContaining('does not exist') as string,
  }
  await expect(open(join(folder, 'no', 'store.db'))).rejects.toMatchObject(missing)
  const text = join(folder, 'text.db')
  await writeFile(text, 'hello, this is no database at all, but long enough to be looked at. '.repeat(20))
  await expect(open(text)).rejects.toMatchObject({
    code: 'invalid',
    message: expect.stringContaining('not an SQLite') as string,
  })
  await mkdir(join(folder, 'dir.db'))
  await expect(open(join(folder, 'dir.db'))).rejects.toMatchObject({ code: 'invalid' })
  for (const url of ['sqlite:', 'sqlite::memory:', 'sqlite:a\0b', 'postgres://x', ''])
    await expect(openStore({ url, clock: createClock() })).rejects.toMatchObject({
      name: 'Rejection',
      code: 'invalid',
    })
})

test.skipIf(process.getuid?.() === 0)(
  'a folder in which nothing may be written is refused in words',
  async () => {
    await chmod(folder, 0o500)
    await expect(open(join(folder, 'store.db'))).rejects.toMatchObject({ code: 'invalid' })
    await chmod(folder, 0o700)
  },
)

test('a charge waits while another process writes, without holding up the event loop', async () => {
  const opened = await openSqliteStore()
  await opened.store.migrate()
  const { quotas } = await createKey(opened, { limits: [DAY] })
  const other = new DatabaseSync(opened.url.slice('sqlite:'.length))
  other.exec('BEGIN IMMEDIATE')
  let turns = 0
  const turning = setInterval(() => {
    turns += 1
    if (turns === 3) other.exec('COMMIT')
  }, 2)
  const outcome = await opened.store.ledger.charge(quotas, 1, opened.newCall())
  clearInterval(turning)
  expect(outcome.outcome).toBe('charged')
  expect(turns).toBeGreaterThanOrEqual(3)
  other.close()
  await opened.close()
})

test('a charge that finds the file locked until its deadline is not made, then or later', async () => {
  const opened = await openSqliteStore()
  await opened.store.migrate()
  const { quotas } = await createKey(opened, { limits: [DAY] })
  const other = new DatabaseSync(opened.url.slice('sqlite:'.length))
  other.exec('BEGIN IMMEDIATE')
  const clock = createClock()
  const call = createCall(clock.monotonicMs() + 40)
  const refused = expect(opened.store.ledger.charge(quotas, 1, call)).rejects.toMatchObject({
    reason: 'deadline_exceeded',
    chargeUnknown: false,
  })
  // Whoever asked waits no longer, and the file is free again at once.
  await until(() => clock.monotonicMs() >= call.deadlineMs)
  other.exec('ROLLBACK')
  await refused
  other.close()
  // Charges are made in order: what could still be under way of the first one would be there by then.
  await opened.store.ledger.charge(quotas, 1, opened.newCall())
  expect(await quotaRow(opened, quotas[0]?.id ?? 0)).toMatchObject({ used: 1 })
  await opened.close()
})

test('an open transaction of a book swallows no charge', async () => {
  const opened = await openSqliteStore()
  await opened.store.migrate()
  const { quotas } = await createKey(opened, { limits: [DAY] })
  const [refused, charged] = await Promise.allSettled([
    opened.store.ownerBook.createOwner('acme', {
      ...NO_RULES,
    }),
    opened.store.ledger.charge(quotas, 1, opened.newCall()),
  ])
  expect(refused.status).toBe('rejected')
  expect(charged).toMatchObject({ status: 'fulfilled', value: { outcome: 'charged' } })
  expect(await quotaRow(opened, quotas[0]?.id ?? 0)).toMatchObject({ used: 1 })
  await opened.close()
})

test('a closed store answers nothing, as an outage', async () => {
  const opened = await openSqliteStore()
  await opened.store.migrate()
  const { quotas } = await createKey(opened)
  await opened.store.close()
  await expect(opened.store.ledger.charge(quotas, 1, opened.newCall())).rejects.toMatchObject({
    reason: 'store_unavailable',
  })
  await expect(opened.store.ping()).rejects.toMatchObject({ reason: 'store_unavailable' })
  await rm(join(opened.url.slice('sqlite:'.length), '..'), { recursive: true })
})
