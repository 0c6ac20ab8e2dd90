// A shared store on MySQL, MariaDB or TiDB.

import type { Driver } from 'kysely'
import { Kysely, MysqlAdapter, MysqlIntrospector, MysqlQueryCompiler } from 'kysely'
import type { DatabaseClock } from '../../kernel/clock.ts'
import { createQuotaView } from '../../quota/quota-view.ts'
import type { Backend, Charging } from '../backend.ts'
import { VIEW_ROWS } from '../backend.ts'
import type { Schema } from '../schema.ts'
import { createMysqlTransactions } from './books.ts'
import { createMysqlChanges } from './changes.ts'
import { createMysqlCharges } from './charge/charges.ts'
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
  const view = createQuotaView({ clock, maxRows: VIEW_ROWS })
  const charges = createMysqlCharges({ pools, clock, traced, view, charging, options })
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
    keyStore: createMysqlKeyStore(pools.lookup, clock, traced, view),
    charges,
    transactions: createMysqlTransactions(db),
    changes: createMysqlChanges(pools.feed, clock),
    migrations: createMysqlMigrations(pools.open, clock, target.database),
    ping,
    durabilityWarnings: () => pools.ask(readDurabilityWarnings),
    close: async () => {
      await charges.close()
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
