// Triggers that write the change feed for those who change tables past Latchkey: a script, a sync job, a person with a SQL prompt.
import { sql } from 'kysely'
import type { Transactions } from './book-database.ts'

export type FeedTriggers = Readonly<{
  /** Again is fine: those there are are made anew. Throws Failure when the account may not. */
  install(): Promise<void>
  remove(): Promise<void>
  /** Names; empty when there are none. */
  installed(): Promise<readonly string[]>
  /** Of those that are installed when all are. */
  names: readonly string[]
}>

type Watched = Readonly<{
  table: string
  event: 'INSERT' | 'UPDATE' | 'DELETE'
  /** SQL for the two columns of a change. */
  kind: string
  subject: string
}>

const ofLimit = (row: 'NEW' | 'OLD') => ({
  kind: `CASE WHEN ${row}.subject_id LIKE 'key%' THEN 'key' ELSE 'owner' END`,
  subject: `${row}.subject_id`,
})

/**
 * What a look-up reads, and nothing else. `quota` has no trigger: every charge writes it. Policies, guardrails and models are read
 * from `registry`, which a book writes with each of their changes.
 */
const WATCHED: readonly Watched[] = [
  { table: 'virtual_key', event: 'INSERT', kind: "'new_keys'", subject: "''" },
  { table: 'virtual_key', event: 'UPDATE', kind: "'key'", subject: 'OLD.id' },
  { table: 'virtual_key', event: 'DELETE', kind: "'key'", subject: 'OLD.id' },
  { table: 'key_secret', event: 'INSERT', kind: "'new_keys'", subject: "''" },
  { table: 'key_secret', event: 'UPDATE', kind: "'key'", subject: 'OLD.key_id' },
  { table: 'key_secret', event: 'DELETE', kind: "'key'", subject: 'OLD.key_id' },
  { table: 'owner', event: 'UPDATE', kind: "'owner'", subject: 'OLD.id' },
  { table: 'owner', event: 'DELETE', kind: "'owner'", subject: 'OLD.id' },
  { table: 'quota_limit', event: 'INSERT', ...ofLimit('NEW') },
  { table: 'quota_limit', event: 'UPDATE', ...ofLimit('OLD') },
  { table: 'quota_limit', event: 'DELETE', ...ofLimit('OLD') },
  { table: 'registry', event: 'UPDATE', kind: "'registry'", subject: "''" },
]

type Dialect = Readonly<{
  /** Milliseconds since 1970. */
  now: string
  /** From 1 to 2^47. */
  token: string
  /** Runs the statements unless a book of Latchkey writes, which tells of its changes itself. */
  unlessTold: (statements: string) => string
  list: string
}>

const DIALECTS: Readonly<Record<'mysql' | 'sqlite', Dialect>> = {
  mysql: {
    now: "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000",
    token: 'FLOOR(1 + RAND() * 140737488355327)',
    unlessTold: (statements) => `IF @latchkey_told IS NULL THEN ${statements} END IF;`,
    list: `SELECT trigger_name AS name FROM information_schema.triggers
      WHERE trigger_schema = DATABASE() AND trigger_name LIKE 'latchkey%' ORDER BY 1`,
  },
  // SQLite has no variables of a connection: what a book changes is told twice.
  sqlite: {
    now: "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
    token: '1 + abs(random() % 140737488355327)',
    unlessTold: (statements) => statements,
    list: "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'latchkey%' ORDER BY 1",
  },
}

/** On MySQL each connection of a book says so: see session.ts. */
export const createFeedTriggers = (
  transactions: Transactions,
  dialectName: 'mysql' | 'sqlite',
): FeedTriggers => {
  const dialect = DIALECTS[dialectName]
  const run = (text: string) => transactions.read((db) => sql.raw(text).execute(db))
  const remove = async () => {
    for (const watched of WATCHED) await run(`DROP TRIGGER IF EXISTS ${nameOf(watched)}`)
  }
  return {
    install: async () => {
      await remove()
      for (const watched of WATCHED) await run(createTrigger(watched, dialect))
    },
    remove,
    installed: async () => {
      const { rows } = await transactions.read((db) => sql.raw<{ name: string }>(dialect.list).execute(db))
      return rows.map(({ name }) => name)
    },
    names: WATCHED.map(nameOf),
  }
}

const nameOf = ({ table, event }: Watched): string => `latchkey_${table}_${event.toLowerCase()}`

/** The counter's row is locked from here to the end of the writer's transaction, so numbers are in the order of commits here too. */
const createTrigger = (watched: Watched, { now, token, unlessTold }: Dialect): string => {
  const { table, event, kind, subject } = watched
  const statements = `UPDATE change_counter SET value = value + 1, token = ${token} WHERE id = 1;
  INSERT INTO change_feed (number, kind, subject, token, changed_at)
    SELECT value, ${kind}, ${subject}, token, ${now} FROM change_counter WHERE id = 1;`
  return `CREATE TRIGGER ${nameOf(watched)} AFTER ${event} ON ${table} FOR EACH ROW BEGIN
  ${unlessTold(statements)}
END`
}
