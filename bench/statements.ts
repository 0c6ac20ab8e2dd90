// How long the statement of a group takes beside other forms of it: the figures above it in src/store/mysql/charge/group-statement.ts.
import type { Connection } from 'mysql2/promise'
import { createConnection } from 'mysql2/promise'
import { readGroup } from '../src/store/mysql/charge/group-statement.ts'
import { startMariadb } from '../test/support/mariadb.ts'
import { markdownTable } from '../tools/markdown-table.ts'
import { ensureMariadb } from '../tools/needs.ts'
import { FORMS, groupOf } from './statement-forms.ts'
import { inWords, spreadOf } from './statistics.ts'

const SIZES = [1, 32, 222, 256]
const ROUNDS = 200
/** The database's clock stands still, so that no window turns. */
const NOW_MS = Date.UTC(2026, 10, 21, 12, 0, 30)

const SCHEMA = `CREATE TABLE quota (
  id BIGINT NOT NULL PRIMARY KEY, amount BIGINT NOT NULL, used BIGINT NOT NULL DEFAULT 0,
  window_start BIGINT NOT NULL DEFAULT 0, window_end BIGINT NOT NULL DEFAULT 0, usable_until BIGINT NOT NULL,
  CONSTRAINT charge_fits CHECK (used >= 0), CHECK (amount >= 0))`

type Work = Readonly<{ name: string; run: () => Promise<unknown> }>

const open = async (uri: string): Promise<Connection> => {
  const connection = await createConnection({ uri, multipleStatements: true })
  await connection.query(`SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
    SET SESSION time_zone = '+00:00', timestamp = ${NOW_MS / 1_000}`)
  return connection
}

/** Every work once in each round; how many milliseconds it took. */
const measure = async (works: readonly Work[]): Promise<readonly string[]> => {
  const took = works.map((): number[] => [])
  for (let round = 0; round < ROUNDS; round += 1)
    for (const [at, { run }] of works.entries()) {
      const beganMs = performance.now()
      await run()
      took[at]?.push(performance.now() - beganMs)
    }
  return took.map((each) => inWords(middleOf(each)))
}

/** Without the tenth at either end: a disk that was busy tells nothing of a statement. */
const middleOf = (values: readonly number[]) => {
  const sorted = values.toSorted((a, b) => a - b)
  return spreadOf(sorted.slice(ROUNDS / 10, -ROUNDS / 10))
}

const compareForms = async (connection: Connection): Promise<string> => {
  const columns: (readonly string[])[] = []
  for (const size of SIZES) {
    const rows = groupOf(size, NOW_MS)
    const works = FORMS.map(({ name, text }) => {
      const update = text(rows)
      return { name, run: () => connection.query(update) }
    })
    columns.push(await measure(works))
  }
  const table = FORMS.map(({ name }, at) => [name, ...columns.map((column) => column[at] ?? '')])
  return markdownTable(['UPDATE, ms', ...SIZES.map((size) => `${size} rows`)], table)
}

const comparePackets = async (connection: Connection): Promise<string> => {
  const [form] = FORMS
  const table: (readonly string[])[] = []
  for (const size of SIZES) {
    const rows = groupOf(size, NOW_MS)
    const update = form?.text(rows) ?? ''
    const select = readGroup(rows.map(({ id }) => id))
    const measured = await measure([
      { name: 'one packet', run: () => connection.query(`${update}; ${select}`) },
      {
        name: 'two packets',
        run: async () => {
          await connection.query(update)
          await connection.query(select)
        },
      },
    ])
    table.push([`${size} rows`, ...measured])
  }
  return markdownTable(['UPDATE and SELECT, ms', 'one packet', 'two packets'], table)
}

/** The same rows by one UPDATE, by two one after the other, and by two at once that share no row. */
const compareWriters = async (one: Connection, other: Connection): Promise<string> => {
  const [form] = FORMS
  const table: (readonly string[])[] = []
  for (const size of SIZES.slice(1)) {
    const rows = groupOf(size, NOW_MS)
    const [all, first, second] = [rows, rows.slice(0, size / 2), rows.slice(size / 2)].map(
      (some) => form?.text(some) ?? '',
    )
    const measured = await measure([
      { name: 'one', run: () => one.query(all ?? '') },
      {
        name: 'one after the other',
        run: async () => {
          await one.query(first ?? '')
          await one.query(second ?? '')
        },
      },
      { name: 'two at once', run: () => Promise.all([one.query(first ?? ''), other.query(second ?? '')]) },
    ])
    table.push([`${size} rows`, ...measured])
  }
  return markdownTable(['ms for all', 'one UPDATE', 'two, one writer', 'two, a writer each'], table)
}

ensureMariadb()
const server = await startMariadb()
try {
  const uri = await server.freshDatabase()
  const [one, other] = [await open(uri), await open(uri)]
  const rows = Array.from(
    { length: Math.max(...SIZES) },
    (_, at) => `(${at + 1}, 1000000000, ${Number.MAX_SAFE_INTEGER})`,
  )
  await one.query(`${SCHEMA}; INSERT INTO quota (id, amount, usable_until) VALUES ${rows.join(',')}`)
  for (const text of [await compareForms(one), await comparePackets(one), await compareWriters(one, other)])
    process.stdout.write(`${text}\n\n`)
  await Promise.all([one.end(), other.end()])
} finally {
  await server.stop()
}
