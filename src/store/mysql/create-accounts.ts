// Makes the accounts of a shared database, or only grants what they lack when they are there already.
import { randomBytes } from 'node:crypto'
import { createClock } from '../../kernel/clock.ts'
import { Rejection } from '../../kernel/failure.ts'
import { migratedTables } from '../migrate.ts'
import type { AccountPlan } from './accounts.ts'
import { planAccounts } from './accounts.ts'
import { isAccountThere, toFailure } from './errors.ts'
import { parseMysqlUrl } from './mysql-url.ts'
import { createMysqlPools, DEFAULT_MYSQL_OPTIONS } from './pools.ts'

export type AccountOptions = Readonly<{ prefix: string; host: string }>

export type PlannedAccount = AccountPlan &
  Readonly<{
    /** For DATABASE_URL, with the password that `create` gives. */
    databaseUrl: string
  }>

export type CreatedAccount = PlannedAccount &
  Readonly<{
    /** False: it was there before, with a password that stays as it is. */
    created: boolean
  }>

/** What would be run on a database that is migrated; new passwords each time, nothing is connected to. */
export const plannedAccounts = (url: string, options: AccountOptions): readonly PlannedAccount[] =>
  plan(url, options, ['schema_migration', ...migratedTables('mysql')])

/**
 * `url` is that of somebody who may create accounts. Until the database is migrated there is nothing that server and admin could be
 * given rights on: `lacksTables` then says that the same must be done again afterwards. Throws Failure.
 */
export const createAccounts = async (
  url: string,
  options: AccountOptions,
): Promise<Readonly<{ accounts: readonly CreatedAccount[]; lacksTables: boolean }>> => {
  const clock = createClock()
  const pools = createMysqlPools(parseMysql(url), clock, DEFAULT_MYSQL_OPTIONS)
  const connection = await pools.open()
  const run = async (text: string) =>
    (await connection.query(text, clock.monotonicMs() + DEFAULT_MYSQL_OPTIONS.adminTimeoutMs)).rows
  try {
    const found = await run(
      'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()',
    )
    const tables = found.map(({ name }) => String(name))
    const accounts: CreatedAccount[] = []
    for (const account of plan(url, options, tables)) {
      accounts.push({ ...account, created: await createUnlessThere(run, account) })
      for (const grant of account.grants) await run(grant)
    }
    return { accounts, lacksTables: migratedTables('mysql').some((table) => !tables.includes(table)) }
  } catch (error) {
    throw toFailure(error)
  } finally {
    await connection.end()
    await pools.close()
  }
}

type Run = (text: string) => Promise<readonly Readonly<Record<string, unknown>>[]>

const createUnlessThere = async (run: Run, { create }: AccountPlan): Promise<boolean> => {
  try {
    await run(create)
    return true
  } catch (error) {
    if (isAccountThere(error)) return false
    throw error
  }
}

const plan = (url: string, options: AccountOptions, tables: readonly string[]): readonly PlannedAccount[] => {
  const { database, tls } = parseMysql(url)
  const passwords = { migrator: mintPassword(), server: mintPassword(), admin: mintPassword() }
  return planAccounts({ ...options, database, tables, requireTls: tls !== undefined, passwords }).map(
    (planned) => ({ ...planned, databaseUrl: urlOf(url, planned.name, passwords[planned.account]) }),
  )
}

const parseMysql = (url: string) => {
  if (url.startsWith('mysql:')) return parseMysqlUrl(url)
  throw new Rejection(
    'invalid',
    'an SQLite store is a file and has no accounts: give the URL of a shared database',
  )
}

/** 192 bits; the tail is for servers that want a character of each kind. */
const mintPassword = (): string => `${randomBytes(24).toString('base64url')}-aA1`

/** The same server, database and parameters. */
const urlOf = (url: string, name: string, password: string): string => {
  const { host, pathname, search } = new URL(url)
  return `mysql://${name}:${password}@${host === '' ? 'localhost' : host}${pathname}${search}`
}
