// A shared store on MySQL, MariaDB or TiDB.

import type { Driver } from 'kysely'
import { Kysely, MysqlAdapter, MysqlIntrospector, MysqlQueryCompiler } from 'kysely'
import type { DatabaseClock } from '../../kernel/clock.ts'
import type { Backend, Charging } from '../backend.ts'
import type { Schema } from '../schema.ts'
import { createMysqlBooks } from './books.ts'
import { createMysqlDirectLedger } from './charge/direct-ledger.ts'
import { readDurabilityWarnings } from './durability.ts'
import { createMysqlDriver } from './kysely-driver.ts'
import { createMysqlKeyStore } from './look-up.ts'
import { createMysqlMigrations } from './migrations.ts'
import { parseMysqlUrl } from './mysql-url.ts'
import type { MysqlOptions } from './pools.ts'
import { createMysqlPools } from './pools.ts'
import { createTracedStatements } from './traced-statements.ts'

/** Throws Rejection for a URL that cannot be one, Failure when the server cannot be reached or refuses us. */
export const openMysqlBackend = async (
  url: string,
  clock: DatabaseClock,
  charging: Charging,
  options: MysqlOptions,
): Promise<Backend> => {
  const target = parseMysqlUrl(url)
  const pools = createMysqlPools(target, clock, options)
  const db = createKysely(createMysqlDriver(pools.admin, clock, options.adminTimeoutMs))
  const traced = createTracedStatements(pools.system)
  const ping = () =>
    pools.ask(async (connection, deadlineMs) => {
      await connection.query('SELECT 1', deadlineMs)
    })
  try {
    await ping()
  } catch (error) {
    await pools.close()
    throw error
  }
  return {
    dialect: 'mysql',
    keyStore: createMysqlKeyStore(pools.lookup, clock, traced),
    charges: {
      ledger: createMysqlDirectLedger({ pool: pools.quota, clock, traced }),
      formInUse: async () => ({ form: 'direct' }),
      doubt: () => {},
    },
    books: createMysqlBooks(db),
    migrations: createMysqlMigrations(pools.open, clock, target.database),
    ping,
    durabilityWarnings: () => pools.ask(readDurabilityWarnings),
    close: async () => {
      await db.destroy()
      await pools.close()
    },
  }
}

const createKysely = (driver: Driver): Kysely<Schema> =>
  new Kysely<Schema>({
    dialect: {
      createDriver: () => driver,
      createAdapter: () => new MysqlAdapter(),
      createIntrospector: (db) => new MysqlIntrospector(db),
      createQueryCompiler: () => new MysqlQueryCompiler(),
    },
  })
