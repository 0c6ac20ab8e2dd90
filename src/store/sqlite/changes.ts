// The change feed on SQLite, for what another process changed in the file: a command beside a server.
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { ChangeSource } from '../../keys/change-feed.ts'
import { toNumberedChange } from '../change-row.ts'
import { toFailure } from './errors.ts'

const LAST = 'SELECT value AS number, token FROM change_counter WHERE id = 1'
const FROM = 'SELECT number, kind, subject, token FROM change_feed WHERE number >= ? ORDER BY number LIMIT ?'

/** Statements are prepared when first used: a store may be opened before it is migrated. */
export const createSqliteChanges = (database: DatabaseSync): ChangeSource => {
  const prepared = new Map<string, StatementSync>()
  const ask = (text: string, values: readonly bigint[]): readonly Readonly<Record<string, unknown>>[] => {
    try {
      const statement = prepared.get(text) ?? database.prepare(text)
      prepared.set(text, statement)
      return statement.all(...values)
    } catch (error) {
      throw toFailure(error)
    }
  }
  return {
    last: async () => {
      const [row] = ask(LAST, [])
      if (row === undefined) throw new Error('the counter of changes has lost its row')
      return { number: Number(row['number']), token: Number(row['token']) }
    },
    changesFrom: async (number, limit) => ask(FROM, [BigInt(number), BigInt(limit)]).map(toNumberedChange),
  }
}
