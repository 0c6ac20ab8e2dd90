// latchkey accounts: what it prints and runs. What each account may do then is held in test/secrets.
import { randomBytes } from 'node:crypto'
import { createConnection } from 'mysql2/promise'
import { expect, it } from 'vitest'
import { onClose } from '../support/closing.ts'
import { runInside } from '../support/command-inside.ts'
import { freshDatabase, runOnMariadb } from '../support/mariadb.ts'

const accounts = (url: string, ...args: readonly string[]) =>
  runInside(['accounts', '--database-url', url, ...args])

const NOWHERE = 'mysql://root:hunter2@127.0.0.1:1/lk_prod'

/** Three accounts of that prefix, gone after the test. */
const aPrefix = (): string => {
  const prefix = `t${randomBytes(6).toString('hex')}`
  onClose(async () => {
    for (const account of ['migrator', 'server', 'admin'])
      await runOnMariadb(`DROP USER IF EXISTS '${prefix}_${account}'@'127.0.0.1'`)
  })
  return prefix
}

it('prints a script and connects to nothing; each time with passwords of its own', async () => {
  const { code, stdout, stderr } = await accounts(NOWHERE)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(
    /^-- server: mysql:\/\/latchkey_server:([\w-]{36})@127\.0\.0\.1:1\/lk_prod\nCREATE USER 'latchkey_server'@'%' IDENTIFIED BY '\1';\nGRANT SELECT ON `lk_prod`\.`owner` TO 'latchkey_server'@'%';$/m,
  )
  expect(stdout).not.toContain('hunter2')
  const passwords = [stdout, (await accounts(NOWHERE)).stdout].flatMap((text) =>
    [...text.matchAll(/IDENTIFIED BY '(.*)'/g)].map(([, password]) => password),
  )
  expect(new Set(passwords).size).toBe(6)
})

it('the script, run by somebody who may, gives the very rights that --apply gives', async () => {
  const url = await freshDatabase()
  await runInside(['migrate', '--database-url', url])
  const database = new URL(url).pathname.slice(1)
  const byHand = aPrefix()
  const { stdout } = await accounts(url, '--prefix', byHand, '--host', '127.0.0.1')
  for (const statement of stdout
    .replaceAll(/^--.*$/gm, '')
    .split(';\n')
    .map((text) => text.trim()))
    if (statement !== '') await runOnMariadb(statement, database)
  const applied = aPrefix()
  await accounts(url, '--apply', '--prefix', applied, '--host', '127.0.0.1')
  for (const account of ['migrator', 'server', 'admin']) {
    const rightsOf = async (prefix: string) => {
      const rows = await runOnMariadb(`SHOW GRANTS FOR '${prefix}_${account}'@'127.0.0.1'`)
      const lines = rows.map((row) => String(Object.values(row)[0]).replace(prefix, 'x'))
      return lines.map((line) => line.replace(/IDENTIFIED BY PASSWORD .*/, '')).toSorted()
    }
    expect(await rightsOf(byHand)).toEqual(await rightsOf(applied))
  }
})

it('--apply prints a URL that works for each account it made, and leaves those alone that were there', async () => {
  const url = await freshDatabase()
  await runInside(['migrate', '--database-url', url])
  const apply = ['--apply', '--prefix', aPrefix(), '--host', '127.0.0.1']
  const first = await accounts(url, ...apply)
  const made = first.stdout.trimEnd().split('\n')
  expect(made).toHaveLength(3)
  expect(first.stderr.match(/shown only now/g)).toHaveLength(3)
  const again = await accounts(url, ...apply)
  expect(again).toMatchObject({ code: 0, stdout: '' })
  expect(again.stderr.match(/whose password stays as it was/g)).toHaveLength(3)
  for (const each of made) {
    const connection = await createConnection(each)
    await connection.query('SELECT * FROM schema_migration')
    await connection.end()
  }
  const told = await accounts(url, ...apply, '--json')
  expect(
    told.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual(
    ['migrator', 'server', 'admin'].map((account) =>
      expect.objectContaining({ account, database_url: null, grants: expect.any(Array) }),
    ),
  )
})

it('parameters of the URL are kept; where the connection is TLS, the accounts must use it', async () => {
  const plain = await accounts('mysql://root@127.0.0.1/lk')
  expect(plain.stdout).not.toContain('REQUIRE SSL')
  const { stdout } = await accounts('mysql://root:p%40ss@db.example:3307/lk?tls=on')
  expect(stdout).toMatch(/^-- admin: mysql:\/\/latchkey_admin:[\w-]+@db\.example:3307\/lk\?tls=on$/m)
  expect(stdout.match(/^CREATE USER .* REQUIRE SSL;$/gm)).toHaveLength(3)
  const socket = await accounts('mysql:///lk?socket=/run/db.sock')
  expect(socket.stdout).toMatch(/:[\w-]+@localhost\/lk\?socket=\/run\/db\.sock$/m)
})

it('a name that SQL would read otherwise is quoted; one that cannot stand in it is refused', async () => {
  const { stdout } = await accounts('mysql://root@127.0.0.1/a%60_b')
  expect(stdout).toContain(' ON `a``\\_b`.* TO ')
  expect(stdout).toContain(' ON `a``_b`.`quota` TO ')
  for (const wrong of [
    ['--prefix', "x'; DROP"],
    ['--prefix', ''],
    ['--prefix', 'a'.repeat(21)],
    ['--host', "%' "],
  ])
    expect(await accounts(NOWHERE, ...wrong)).toMatchObject({ code: 64, stdout: '' })
  expect(await accounts('sqlite:x.db')).toMatchObject({
    code: 64,
    stderr: 'latchkey: an SQLite store is a file and has no accounts: give the URL of a shared database\n',
  })
})

it('somebody who may not make accounts is told so, and no password is', async () => {
  const url = await freshDatabase()
  const made = await accounts(url, '--apply', '--prefix', aPrefix(), '--host', '127.0.0.1')
  const [migrator = ''] = made.stdout.split('\n')
  const { code, stdout, stderr } = await accounts(migrator, '--apply', '--prefix', aPrefix())
  expect({ code, stdout }).toEqual({ code: 69, stdout: '' })
  expect(stderr).toMatch(/^latchkey: the database failed: Access denied.*CREATE USER/)
  expect(stderr).not.toContain(new URL(migrator).password)
})
