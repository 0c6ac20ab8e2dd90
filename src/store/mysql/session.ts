// What every connection is told before it is used, and asked back: servers differ, and exactness hangs on it.
import type { DatabaseClock } from '../../kernel/clock.ts'
import { Failure } from '../../kernel/failure.ts'
import type { MysqlConnection } from './connection.ts'

/** Milliseconds since 1970 by the server's clock; follows SET timestamp. */
export const NOW = "(TIMESTAMPDIFF(MICROSECOND,'1970-01-01',UTC_TIMESTAMP(3)) DIV 1000)"

export type ServerFacts = Readonly<{ system: 'mysql' | 'mariadb'; version: string }>

const SQL_MODE = 'STRICT_ALL_TABLES,STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'

/** Throws Failure when the server does not hold what it was told. Teaches the clock the server's time. */
export const prepareSession = async (
  connection: MysqlConnection,
  { clock, lockWaitS, deadlineMs }: { clock: DatabaseClock; lockWaitS: number; deadlineMs: number },
): Promise<ServerFacts> => {
  await connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', deadlineMs)
  await connection.query(
    `SET SESSION sql_mode = '${SQL_MODE}', time_zone = '+00:00', innodb_lock_wait_timeout = ${lockWaitS}, autocommit = 1, @latchkey_told = 1`,
    deadlineMs,
  )
  const settings = await readSettings(connection, deadlineMs)
  assertSettings(settings, lockWaitS)
  await observeClock(connection, clock, deadlineMs)
  const version = settings.get('version') ?? ''
  return { system: /mariadb/i.test(version) ? 'mariadb' : 'mysql', version }
}

/** Older servers know the isolation level as tx_isolation, newer ones as transaction_isolation, some as both. */
const readSettings = async (
  connection: MysqlConnection,
  deadlineMs: number,
): Promise<ReadonlyMap<string, string>> => {
  const { rows } = await connection.query(
    `SHOW SESSION VARIABLES WHERE Variable_name IN ('sql_mode', 'time_zone', 'innodb_lock_wait_timeout', 'autocommit',
      'tx_isolation', 'transaction_isolation', 'version')`,
    deadlineMs,
  )
  return new Map(rows.map((row) => [String(row['Variable_name']), String(row['Value'])]))
}

const assertSettings = (settings: ReadonlyMap<string, string>, lockWaitS: number): void => {
  const expected: readonly (readonly [string, string | undefined, string])[] = [
    ['time_zone', settings.get('time_zone'), '+00:00'],
    ['innodb_lock_wait_timeout', settings.get('innodb_lock_wait_timeout'), String(lockWaitS)],
    ['autocommit', settings.get('autocommit'), 'ON'],
    ['isolation', settings.get('transaction_isolation') ?? settings.get('tx_isolation'), 'READ-COMMITTED'],
  ]
  for (const [name, actual, wanted] of expected) if (actual !== wanted) throw refused(name, actual, wanted)
  const modes = new Set((settings.get('sql_mode') ?? '').split(','))
  for (const mode of SQL_MODE.split(','))
    if (!modes.has(mode)) throw refused('sql_mode', [...modes].join(), mode)
}

const refused = (name: string, actual: string | undefined, wanted: string): Failure =>
  new Failure(
    'store_unavailable',
    `the database does not take ${name} ${wanted}, it keeps ${actual ?? 'it unknown'}`,
  )

const observeClock = async (
  connection: MysqlConnection,
  clock: DatabaseClock,
  deadlineMs: number,
): Promise<void> => {
  const sentMs = clock.monotonicMs()
  const { rows } = await connection.query(`SELECT ${NOW} AS now_ms`, deadlineMs)
  const now = rows[0]?.['now_ms']
  if (typeof now === 'number') clock.observe(now, sentMs, clock.monotonicMs())
}
