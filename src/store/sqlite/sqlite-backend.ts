// An embedded store in one file: one connection for requests, one for the books.
import type { Kysely as KyselyType } from 'kysely'
import { Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import type { DatabaseClock } from '../../kernel/clock.ts'
import { createQuotaView } from '../../quota/quota-view.ts'
import type { Backend, Charging } from '../backend.ts'
import { VIEW_ROWS } from '../backend.ts'
import type { Transactions } from '../books/book-database.ts'
import type { Schema } from '../schema.ts'
import { createSqliteChanges } from './changes.ts'
import { createSqliteCharges } from './charge/charges.ts'
import { openSqlite, prepareSqliteFile } from './connection.ts'
import { isDuplicate, toFailure } from './errors.ts'
import { createSqliteDriver } from './kysely-driver.ts'
import { createSqliteKeyStore } from './look-up.ts'
import { createSqliteMigrations } from './migrations.ts'

export type SqliteOptions = Readonly<{
  /** How long a book waits for its turn, and for another process's lock. */
  adminTimeoutMs: number
}>

export const DEFAULT_SQLITE_OPTIONS: SqliteOptions = { adminTimeoutMs: 30_000 }

/** The database's clock is this machine's: the file is on it. */
export const openSqliteBackend = (
  path: string,
  clock: DatabaseClock,
  charging: Charging,
  options: SqliteOptions,
): Backend => {
  prepareSqliteFile(path)
  const hot = openSqlite(path)
  const view = createQuotaView({ clock, maxRows: VIEW_ROWS })
  // A connection of its own, or an open transaction of a book would swallow the charges made meanwhile.
  const admin = openSqlite(path)
  const db = createKysely(createSqliteDriver(admin, clock, options.adminTimeoutMs))
  return {
    dialect: 'sqlite',
    keyStore: createSqliteKeyStore(hot, clock, view),
    charges: createSqliteCharges({ database: hot, clock, view, charging }),
    transactions: createTransactions(db),
    changes: createSqliteChanges(hot),
    migrations: createSqliteMigrations(() => openSqlite(path), clock),
    ping: async () => {
      try {
        await Promise.resolve(hot.prepare('SELECT count(*) FROM sqlite_master').get())
      } catch (error) {
        throw toFailure(error)
      }
    },
    durabilityWarnings: () => {
      const synchronous = hot.prepare('PRAGMA synchronous').get()?.['synchronous']
      return Promise.resolve(
        synchronous === 2 || synchronous === 3
          ? []
          : [
              'SQLite does not wait for the disk (PRAGMA synchronous is not FULL): a power cut may undo charges that were answered',
            ],
      )
    },
    close: async () => {
      await db.destroy()
      admin.close()
      hot.close()
    },
  }
}

const createKysely = (driver: ReturnType<typeof createSqliteDriver>): KyselyType<Schema> =>
  new Kysely<Schema>({
    dialect: {
      createDriver: () => driver,
      createAdapter: () => new SqliteAdapter(),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  })

const createTransactions = (db: KyselyType<Schema>): Transactions => {
  const orFailure = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (error) {
      throw isDuplicate(error) ? error : toFailure(error)
    }
  }
  return {
    read: (work) => orFailure(work(db)),
    write: (work) => orFailure(db.transaction().execute((tx) => work({ tx, locksRows: false }))),
    isDuplicate,
  }
}
