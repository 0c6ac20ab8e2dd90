// Which account of a shared database may do what: one table of rights, and the statements that grant them.
import { Rejection } from '../../kernel/failure.ts'

/** `migrator` changes tables, `server` is what serves, `admin` is what people manage keys and limits with. */
export const ACCOUNTS = ['migrator', 'server', 'admin'] as const

export type Account = (typeof ACCOUNTS)[number]

type Rights = Readonly<Record<Exclude<Account, 'migrator'>, string>>

const READS = 'SELECT'
const MANAGES = 'SELECT, INSERT, UPDATE, DELETE'
const NOTHING = ''

/**
 * By table. The server charges and nothing else: of a hot row it may write what a charge writes and not what people set, and it
 * inserts only to try the database, in a transaction that it rolls back. People write the columns that the server may not.
 */
export const RIGHTS: Readonly<Record<string, Rights>> = {
  owner: { server: READS, admin: MANAGES },
  virtual_key: { server: READS, admin: MANAGES },
  // An end may be set to a secret, but no digest put in the place of another, nor one forgotten that must never come back.
  key_secret: { server: READS, admin: 'SELECT, INSERT, UPDATE (not_after, hint)' },
  guardrail: { server: NOTHING, admin: 'SELECT, INSERT, DELETE' },
  policy: { server: NOTHING, admin: MANAGES },
  model: { server: NOTHING, admin: MANAGES },
  registry: { server: READS, admin: 'SELECT, UPDATE' },
  quota: {
    server: 'SELECT, INSERT, UPDATE (used, window_start, window_end)',
    admin: 'SELECT, INSERT (amount, usable_until), UPDATE (amount, usable_until)',
  },
  quota_limit: { server: READS, admin: MANAGES },
  change_counter: { server: READS, admin: 'SELECT, UPDATE' },
  change_feed: { server: READS, admin: 'SELECT, INSERT, DELETE' },
  // Each process that serves keeps a row of its own there.
  replica: { server: MANAGES, admin: READS },
  schema_migration: { server: READS, admin: READS },
}

/** No DROP: no step of ours removes a table. Steps fill tables too. */
const MIGRATES = 'SELECT, INSERT, UPDATE, CREATE, ALTER, INDEX, REFERENCES, TRIGGER'

export type AccountPlan = Readonly<{
  account: Account
  /** As SQL writes it: 'latchkey_server'@'%'. */
  user: string
  name: string
  /** Fails when there is one already, whose password nobody but its owner knows. */
  create: string
  /** May be run again at any time. */
  grants: readonly string[]
}>

/** Throws Rejection for a prefix or a host that cannot stand in the name of an account. */
export const planAccounts = (options: {
  database: string
  /** Those there are: a right can only be given on a table that exists. */
  tables: readonly string[]
  prefix: string
  /** From where they may connect, as the database writes it. */
  host: string
  requireTls: boolean
  passwords: Readonly<Record<Account, string>>
}): readonly AccountPlan[] => {
  const { database, tables, requireTls, passwords } = options
  const prefix = named('prefix', /^[A-Za-z0-9_]{1,20}$/, options.prefix)
  const host = named('host', /^[A-Za-z0-9.:%_/-]{1,255}$/, options.host)
  return ACCOUNTS.map((account) => {
    const name = `${prefix}_${account}`
    const user = `'${name}'@'${host}'`
    const secured = requireTls ? ' REQUIRE SSL' : ''
    return {
      account,
      user,
      name,
      create: `CREATE USER ${user} IDENTIFIED BY '${named('password', /^[\w-]+$/, passwords[account])}'${secured}`,
      grants: grantsOf(account, database, tables).map((grant) => `${grant} TO ${user}`),
    }
  })
}

const grantsOf = (account: Account, database: string, tables: readonly string[]): readonly string[] =>
  account === 'migrator'
    ? [`GRANT ${MIGRATES} ON ${quotedPattern(database)}.*`]
    : Object.entries(RIGHTS)
        .filter(([table, rights]) => tables.includes(table) && rights[account] !== NOTHING)
        .map(([table, rights]) => `GRANT ${rights[account]} ON ${quoted(database)}.${quoted(table)}`)

const quoted = (name: string): string => `\`${name.replaceAll('`', '``')}\``

/** Of a whole database _ and % stand for other characters too, and would grant rights in one with a similar name. */
const quotedPattern = (database: string): string => quoted(database.replaceAll(/[_%\\]/g, '\\$&'))

const named = (what: string, form: RegExp, text: string): string => {
  if (form.test(text)) return text
  throw new Rejection('invalid', `the ${what} of database accounts must match ${form.source}`)
}
