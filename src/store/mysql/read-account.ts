// What the server tells of itself and of the account that asks, on a connection of its own. Changes nothing.
import { createClock } from '../../kernel/clock.ts'
import type { AccountFit } from './account-fit.ts'
import { fitOf } from './account-fit.ts'
import { toFailure } from './errors.ts'
import { parseMysqlUrl } from './mysql-url.ts'
import { createMysqlPools, DEFAULT_MYSQL_OPTIONS } from './pools.ts'

export type ServerAndAccount = Readonly<{
  maxConnections: number | undefined
  readOnly: boolean
  account: AccountFit
}>

const VARIABLES =
  "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('max_connections', 'read_only', 'innodb_read_only')"

/** Throws Failure when the server does not answer. */
export const readAccount = async (url: string): Promise<ServerAndAccount> => {
  const target = parseMysqlUrl(url)
  const clock = createClock()
  const pools = createMysqlPools(target, clock, DEFAULT_MYSQL_OPTIONS)
  try {
    const connection = await pools.open()
    try {
      const run = async (text: string) =>
        (await connection.query(text, clock.monotonicMs() + DEFAULT_MYSQL_OPTIONS.adminTimeoutMs)).rows
      const variables = new Map(
        (await run(VARIABLES)).map((row) => [String(row['Variable_name']), String(row['Value'])]),
      )
      const grants = (await run('SHOW GRANTS')).flatMap((row) => Object.values(row).map(String))
      const most = Number(variables.get('max_connections'))
      return {
        maxConnections: Number.isSafeInteger(most) && most > 0 ? most : undefined,
        readOnly: ['read_only', 'innodb_read_only'].some((name) => variables.get(name) === 'ON'),
        account: fitOf(grants, target.database),
      }
    } finally {
      await connection.end()
    }
  } catch (error) {
    throw toFailure(error)
  } finally {
    await pools.close()
  }
}
