// The accounts of one migrated database as `latchkey accounts` makes them, and statements run in their names.
import { randomBytes } from 'node:crypto'
import { createConnection } from 'mysql2/promise'
import type { Account } from '../../src/store/mysql/accounts.ts'
import { ACCOUNTS } from '../../src/store/mysql/accounts.ts'
import { runInside } from './command-inside.ts'
import type { Ran } from './latchkey-command.ts'
import { freshDatabase, runOnMariadb } from './mariadb.ts'

export type DatabaseAccounts = Readonly<{
  /** Runs a command in the name of one of them, or of the administrator of the whole server. */
  latchkey(account: Account | 'root', ...args: readonly string[]): Promise<Ran>
  database: string
  prefix: string
  urls: Readonly<Record<Account, string>>
  /** What each run of the command said. */
  said: readonly string[]
  /** Runs one statement in a transaction that is rolled back; returns the number of the server's refusal, or undefined. */
  refusal(account: Account | 'root', text: string): Promise<number | undefined>
  close(): Promise<void>
}>

/** From nothing to a database that is in use, in the order in which an operator does it. */
export const createDatabaseAccounts = async (): Promise<DatabaseAccounts> => {
  const root = await freshDatabase()
  const prefix = `t${randomBytes(6).toString('hex')}`
  const apply = ['accounts', '--apply', '--prefix', prefix, '--host', '127.0.0.1']
  const first = await runInside([...apply, '--json', '--database-url', root])
  const made = first.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { account: Account; database_url: string })
  const urlOf = (account: Account) => made.find((each) => each.account === account)?.database_url ?? ''
  const urls = { migrator: urlOf('migrator'), server: urlOf('server'), admin: urlOf('admin') }
  const migrated = await runInside(['migrate', '--database-url', urls.migrator])
  const second = await runInside([...apply, '--database-url', root])
  const all = { ...urls, root }
  return {
    latchkey: (account, ...args) => runInside([...args, '--database-url', all[account]]),
    database: new URL(root).pathname.slice(1),
    prefix,
    urls,
    said: [first.stderr, migrated.stderr, second.stderr, second.stdout],
    async refusal(account, text) {
      const connection = await createConnection(all[account])
      try {
        await connection.query('BEGIN')
        await connection.query(text)
        return undefined
      } catch (error) {
        return error instanceof Error && 'errno' in error ? Number(error.errno) : -1
      } finally {
        await connection.query('ROLLBACK')
        await connection.end()
      }
    },
    async close() {
      for (const account of ACCOUNTS)
        await runOnMariadb(`DROP USER IF EXISTS '${prefix}_${account}'@'127.0.0.1'`)
    },
  }
}
