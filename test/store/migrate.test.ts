// Schema steps: applied once, in order, by one process at a time, and never edited afterwards.
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { TestStore } from '../support/stores.ts'
import { openMariadbStore, openSqliteStore } from '../support/stores.ts'

const KINDS = [
  { kind: 'SQLite', open: openSqliteStore },
  { kind: 'MariaDB', open: openMariadbStore },
] as const

const using = async (
  open: () => Promise<TestStore>,
  work: (opened: TestStore) => Promise<void>,
): Promise<void> => {
  const opened = await open()
  try {
    await work(opened)
  } finally {
    await opened.close()
  }
}

const stepsOf = async (dialect: string): Promise<readonly string[]> => {
  const folder = fileURLToPath(new URL(`../../migrations/${dialect}`, import.meta.url))
  return (await readdir(folder)).map((name) => name.replace(/\.sql$/, '')).toSorted()
}

test('both dialects have the same steps', async () => {
  expect(await stepsOf('mysql')).toEqual(await stepsOf('sqlite'))
})

for (const { kind, open } of KINDS) {
  test(`an empty store has everything pending, a migrated one nothing · ${kind}`, () =>
    using(open, async ({ store }) => {
      const steps = await stepsOf('sqlite')
      expect(await store.migrationStatus()).toEqual({ applied: [], pending: steps })
      expect(await store.migrate()).toEqual(steps)
      expect(await store.migrationStatus()).toEqual({ applied: steps, pending: [] })
      expect(await store.migrate()).toEqual([])
    }))

  test(`of many that migrate at once each step is applied by one · ${kind}`, () =>
    using(open, async (opened) => {
      const others = await Promise.all(Array.from({ length: 4 }, () => opened.openAgain()))
      const applied = await Promise.all([opened.store, ...others].map((store) => store.migrate()))
      await Promise.all(others.map((store) => store.close()))
      expect(applied.flat().toSorted()).toEqual(await stepsOf('sqlite'))
    }))

  test(`a step that was edited after it was applied is noticed · ${kind}`, () =>
    using(open, async (opened) => {
      await opened.store.migrate()
      await opened.write(`UPDATE schema_migration SET checksum = 'edited' WHERE name LIKE '0002%'`)
      const noticed = {
        name: 'Rejection',
        code: 'conflict',
        message: expect.stringContaining('0002-registry') as string,
      }
      await expect(opened.store.migrationStatus()).rejects.toMatchObject(noticed)
      await expect(opened.store.migrate()).rejects.toMatchObject(noticed)
    }))

  test(`a step of a newer program is no error, so that the older one can still be run · ${kind}`, () =>
    using(open, async (opened) => {
      await opened.store.migrate()
      await opened.write(
        `INSERT INTO schema_migration (name, checksum, applied_at) VALUES ('9999-later', 'x', 1)`,
      )
      expect(await opened.store.migrationStatus()).toMatchObject({ pending: [] })
    }))

  test(`a store that was not migrated says so · ${kind}`, () =>
    using(open, async ({ store, newCall }) => {
      await expect(store.keyStore.find(new Uint8Array(32), -1, newCall())).rejects.toMatchObject({
        reason: 'store_unavailable',
        message: expect.stringContaining('migrated') as string,
      })
      await expect(store.ownerBook.listOwners()).rejects.toMatchObject({ reason: 'store_unavailable' })
    }))
}

test('a step that broke half way is finished by the next attempt, on a server that commits each statement by itself', () =>
  using(openMariadbStore, async (opened) => {
    await opened.store.migrate()
    await opened.write("DELETE FROM schema_migration WHERE name >= '0002'")
    await opened.write('DROP TABLE quota_limit')
    expect(await opened.store.migrate()).toEqual((await stepsOf('mysql')).slice(1))
    expect(await opened.read('SELECT count(*) AS registries FROM registry')).toMatchObject([
      { registries: 1 },
    ])
    expect(await opened.store.limitBook.listLimits()).toEqual([])
  }))

test('a step that broke between its columns and their index is finished by the next attempt', () =>
  using(openMariadbStore, async (opened) => {
    const indexes = () =>
      opened.read("SHOW INDEX FROM key_secret WHERE Key_name = 'key_secret_request' AND Non_unique = 0")
    await opened.store.migrate()
    expect(await indexes()).toHaveLength(1)
    await opened.write('ALTER TABLE key_secret DROP KEY key_secret_request')
    await opened.write("DELETE FROM schema_migration WHERE name = '0008-rotation'")
    expect(await opened.store.migrate()).toEqual(['0008-rotation'])
    expect(await indexes()).toHaveLength(1)
  }))

test('no statement adds a column and an index, which TiDB does not do in one', async () => {
  const folder = new URL('../../migrations/mysql/', import.meta.url)
  for (const name of await readdir(folder))
    for (const statement of (await readFile(new URL(name, folder), 'utf8')).split(/;$/m))
      expect(
        [/ADD COLUMN/, /ADD (UNIQUE )?(KEY|INDEX)/].every((adds) => adds.test(statement)),
        name,
      ).toBe(false)
})
