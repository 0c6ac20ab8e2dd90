// Each account of the database can do its work and nothing else, asked of a real server.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migratedTables } from '../../src/store/migrate.ts'
import { RIGHTS } from '../../src/store/mysql/accounts.ts'
import { createCheckClient, summarise } from '../support/check-client.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { aDirectory, onClose } from '../support/closing.ts'
import type { DatabaseAccounts } from '../support/database-accounts.ts'
import { createDatabaseAccounts } from '../support/database-accounts.ts'
import { runOnMariadb } from '../support/mariadb.ts'
import { samplesOf, sumIn } from '../support/metrics-page.ts'
import { startServing } from '../support/serving.ts'
import { until } from '../support/until.ts'

let accounts: DatabaseAccounts
beforeAll(async () => {
  accounts = await createDatabaseAccounts()
})
afterAll(() => accounts.close())

/** Access denied: to a command, to a column, to a database, and for want of a right of the whole server. */
const DENIED = [1142, 1143, 1044, 1227]

/** Every right of each account on each table, as an attempt shows it: R reads, C inserts, U updates any column, D deletes. */
const MATRIX: Readonly<Record<string, readonly [server: string, admin: string]>> = {
  owner: ['R---', 'RCUD'],
  virtual_key: ['R---', 'RCUD'],
  key_secret: ['R---', 'RC--'],
  guardrail: ['----', 'RC-D'],
  policy: ['----', 'RCUD'],
  model: ['----', 'RCUD'],
  registry: ['R---', 'R-U-'],
  // Of its columns each may update its own; see below.
  quota: ['RC--', 'R---'],
  quota_limit: ['R---', 'RCUD'],
  change_counter: ['R---', 'R-U-'],
  change_feed: ['R---', 'RC-D'],
  replica: ['RCUD', 'R---'],
  schema_migration: ['R---', 'R---'],
}

const TABLES = ['schema_migration', ...migratedTables('mysql')]

describe('each table', () => {
  it('has a line in the table of rights, and in the one that it is held against', () => {
    for (const rights of [RIGHTS, MATRIX])
      expect(TABLES.filter((table) => rights[table] === undefined)).toEqual([])
  })

  it.each(TABLES)(
    '%s: the server and the admin may do with it what is written here, and no more',
    async (table) => {
      const found = await runOnMariadb(`SHOW COLUMNS FROM ${table}`, accounts.database)
      const columns = found.map((row) => String(row['Field']))
      const listed = columns.join(', ')
      // One right each, and no row.
      const attempts = [
        `SELECT ${listed} FROM ${table} WHERE 1 = 0`,
        `INSERT INTO ${table} (${listed}) SELECT ${columns.map(() => 'NULL').join(', ')} FROM DUAL WHERE 1 = 0`,
        `UPDATE ${table} SET ${columns.map((column) => `${column} = NULL`).join(', ')} WHERE 1 = 0`,
        `DELETE FROM ${table} WHERE 1 = 0`,
      ]
      const may = async (account: 'server' | 'admin' | 'root') => {
        const numbers = await Promise.all(attempts.map((text) => accounts.refusal(account, text)))
        return numbers.map((number, at) => {
          if (number === undefined) return 'RCUD'.charAt(at)
          expect(DENIED).toContain(number)
          return '-'
        })
      }
      expect((await may('root')).join('')).toBe('RCUD')
      expect([(await may('server')).join(''), (await may('admin')).join('')]).toEqual(MATRIX[table])
    },
  )
})

/** What somebody who took an account over would like to do; each statement is one that the database understands. */
const FORBIDDEN: readonly (readonly [
  account: 'migrator' | 'server' | 'admin',
  wish: string,
  text: string,
])[] = [
  ['server', 'raise a limit', 'UPDATE quota SET amount = 1 WHERE 1 = 0'],
  ['server', 'revive a revoked key', 'UPDATE quota SET usable_until = 1 WHERE 1 = 0'],
  ['server', 'make a key', "INSERT INTO key_secret (hash, key_id) SELECT '', '' FROM DUAL WHERE 1 = 0"],
  ['server', 'hide a change', 'UPDATE change_counter SET value = 0 WHERE 1 = 0'],
  ['admin', 'give used units back', 'UPDATE quota SET used = 0 WHERE 1 = 0'],
  ['admin', 'reopen a window', 'UPDATE quota SET window_end = 0 WHERE 1 = 0'],
  [
    'admin',
    'make a used row',
    'INSERT INTO quota (amount, usable_until, used) SELECT 1, 1, 1 FROM DUAL WHERE 1 = 0',
  ],
  ['admin', 'forget a digest', "DELETE FROM key_secret WHERE hash = ''"],
  ['admin', 'put its own digest under a key', "UPDATE key_secret SET hash = '' WHERE 1 = 0"],
  ['admin', 'name a secret after another', "UPDATE key_secret SET key_id = '', request = NULL WHERE 1 = 0"],
  ['admin', 'rewrite a change', "UPDATE change_feed SET kind = '' WHERE 1 = 0"],
  ...(['migrator', 'server', 'admin'] as const).flatMap((account) => [
    [account, 'drop a table', 'DROP TABLE quota'] as const,
    [account, 'empty a table', 'TRUNCATE TABLE key_secret'] as const,
    [account, 'drop the database', 'DROP DATABASE `%`'] as const,
    [account, 'make an account', "CREATE USER 'x'@'127.0.0.1'"] as const,
    [account, 'pass its rights on', "GRANT SELECT ON quota TO 'latchkey'@'127.0.0.1'"] as const,
    [account, 'read the accounts', 'SELECT * FROM mysql.global_priv'] as const,
    [account, 'write a file', "SELECT 1 INTO OUTFILE '/dev/null'"] as const,
  ]),
  ...(['server', 'admin'] as const).flatMap((account) => [
    [account, 'make a table', 'CREATE TABLE x (id INT)'] as const,
    [account, 'change a table', 'ALTER TABLE quota ADD COLUMN x INT'] as const,
    [account, 'say that a step was applied', "UPDATE schema_migration SET name = '' WHERE 1 = 0"] as const,
  ]),
]

describe('what an account should not do', () => {
  it.each(FORBIDDEN)('the %s cannot %s', async (account, _wish, text) => {
    expect([...DENIED, FILE_DENIED]).toContain(
      await accounts.refusal(account, text.replace('%', accounts.database)),
    )
  })

  it('none of them reaches a database whose name differs by what SQL takes for any character', async () => {
    const twin = accounts.database.replace('_', 'x')
    await runOnMariadb(`CREATE DATABASE ${twin}`)
    onClose(() => runOnMariadb(`DROP DATABASE ${twin}`))
    for (const account of ['migrator', 'server', 'admin'] as const)
      expect(await accounts.refusal(account, `USE ${twin}`)).toBe(1044)
  })
})

/** 1045 is what INTO OUTFILE is answered without the FILE right. */
const FILE_DENIED = 1045

describe('the work of each account', () => {
  it('migrator: the tables were made in its name, and its next step would be', async () => {
    const [first, migrated, second] = accounts.said
    expect(first).toMatch(/is not migrated: run latchkey migrate, then this again/)
    expect(migrated).toMatch(/^applied 0001/)
    expect(second).not.toMatch(/not migrated/)
    expect((await accounts.latchkey('migrator', 'migrate')).stderr).toMatch(/nothing to do/)
    for (const step of ['CREATE INDEX later ON owner (created_at)', 'DROP INDEX later ON owner'])
      expect(await accounts.refusal('migrator', step)).toBeUndefined()
  })

  it('only the migrator may put triggers on tables', async () => {
    const found = await runOnMariadb(
      `SELECT grantee FROM information_schema.schema_privileges WHERE privilege_type = 'TRIGGER' AND grantee LIKE '%${accounts.prefix}%'
       UNION ALL
       SELECT grantee FROM information_schema.table_privileges WHERE privilege_type = 'TRIGGER' AND grantee LIKE '%${accounts.prefix}%'`,
    )
    expect(found.map((row) => row['grantee'])).toEqual([`'${accounts.prefix}_migrator'@'127.0.0.1'`])
  })

  it('admin: every book; server: look-ups, the feed, and charges in groups, told by its metrics', async () => {
    const as = async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await accounts.latchkey('admin', ...args)
      expect({ args, code, stderr }).toEqual({ args, code: 0, stderr })
      return stdout
    }
    await as('guardrails', 'create', 'pii')
    await as('policies', 'create', 'chat', '--model', 'gpt-*')
    await as('policies', 'update', 'chat', '--guardrail', 'pii')
    await as('models', 'create', 'gpt-4o', '--route', 'openai', '--guardrail', 'pii')
    await as('models', 'update', 'gpt-4o', '--route', 'azure')
    const made = await as(
      ...'keys create --name ci --owner acme/ci --create-owner --policy chat --limit requests=2/day --json'.split(
        ' ',
      ),
    )
    const { id, secret } = JSON.parse(made) as { id: string; secret: string }
    await as('limits', 'create', '--owner', 'acme', '--limit', 'requests=9/month')

    const serving = await startServing(await aDirectory(), {
      DATABASE_URL: accounts.urls.server,
      LATCHKEY_DRAIN_DELAY: '0ms',
    })
    onClose(() => serving.process.kill('SIGKILL'))
    const client = createCheckClient(serving.address)
    onClose(client.close)
    const ask = async () => {
      const headers = [['x-api-key', secret]] as const
      return summarise(await client.check(aCheckRequest({ headers, body: '{"model":"gpt-4o"}' }))).reason
    }
    expect([await ask(), await ask(), await ask()]).toEqual(['allow', 'allow', 'quota_exhausted'])
    const page = await (await fetch(`http://${serving.healthAddress}/metrics`)).text()
    expect(sumIn(samplesOf(page), 'latchkey_charge_form', { form: 'grouped' })).toBe(1)
    expect(serving.log.filter((line) => line.includes('change feed failed'))).toEqual([])

    const limits = JSON.parse(await as('limits', 'list', '--json')) as { id: number; subject: string }[]
    for (const limit of limits) await as('limits', 'update', String(limit.id), '--amount', '50')
    await until(async () => (await ask()) === 'allow')
    await as('keys', 'update', id, '--name', 'renamed')
    await as('keys', 'disable', id)
    await until(async () => (await ask()) === 'key_disabled')
    await as('keys', 'enable', id)
    await as('owners', 'disable', 'acme')
    await until(async () => (await ask()) === 'owner_disabled')
    await as('owners', 'enable', 'acme')
    expect(await as('explain', '--key', id, '--path', '/v1/models', '--method', 'GET')).toMatch(/allow/)
    await as('keys', 'revoke', id)
    await until(async () => (await ask()) === 'invalid_key')
    for (const limit of limits.filter(({ subject }) => subject === 'acme'))
      await as('limits', 'delete', String(limit.id))
    for (const owner of ['acme/ci', 'acme']) await as('owners', 'delete', owner)
    for (const [book, name] of [
      ['models', 'gpt-4o'],
      ['policies', 'chat'],
      ['guardrails', 'pii'],
    ] as const)
      await as(book, 'delete', name)
    serving.process.kill('SIGTERM')
    expect(await serving.ended).toBe(0)
  })
})
