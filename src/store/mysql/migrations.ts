// Migrating a shared store: one process at a time, by a named lock of the server.
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../../kernel/clock.ts'
import { Failure } from '../../kernel/failure.ts'
import type { AppliedStep, LockedTarget, MigrationStep, MigrationTarget } from '../migrate.ts'
import type { MysqlConnection } from './connection.ts'
import { isMissingTable, toFailure } from './errors.ts'
import { NOW } from './session.ts'

const LOCK_TIMEOUT_MS = 60_000
/** A step that rewrites a large table may take this long. */
const STATEMENT_TIMEOUT_MS = 3_600_000

const CREATE_TABLE = `CREATE TABLE IF NOT EXISTS schema_migration (
  name VARCHAR(128) NOT NULL,
  checksum CHAR(64) NOT NULL,
  applied_at BIGINT NOT NULL,
  PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`

/** `open` opens a connection of its own, which is closed afterwards and with which the lock goes, whatever happened. */
export const createMysqlMigrations = (
  open: () => Promise<MysqlConnection>,
  clock: Clock,
  database: string,
): MigrationTarget => {
  const withConnection = async <T>(work: (connection: MysqlConnection) => Promise<T>): Promise<T> => {
    const connection = await open()
    try {
      return await work(connection)
    } catch (error) {
      throw toFailure(error)
    } finally {
      await connection.end()
    }
  }
  return {
    dialect: 'mysql',
    applied: () => withConnection((connection) => readApplied(connection, clock)),
    locked: (work) =>
      withConnection(async (connection) => {
        await takeLock(connection, clock, database)
        return work(lockedTarget(connection, clock))
      }),
  }
}

const lockedTarget = (connection: MysqlConnection, clock: Clock): LockedTarget => ({
  applied: () => readApplied(connection, clock),
  apply: async (step: MigrationStep) => {
    const deadlineMs = clock.monotonicMs() + STATEMENT_TIMEOUT_MS
    await connection.query(CREATE_TABLE, deadlineMs)
    for (const statement of step.statements) await connection.query(statement, deadlineMs)
    await connection.execute(
      `INSERT INTO schema_migration (name, checksum, applied_at) VALUES (?, ?, ${NOW})`,
      [step.name, step.checksum],
      deadlineMs,
    )
  },
})

const readApplied = async (connection: MysqlConnection, clock: Clock): Promise<readonly AppliedStep[]> => {
  try {
    const { rows } = await connection.query(
      'SELECT name, checksum FROM schema_migration ORDER BY name',
      clock.monotonicMs() + LOCK_TIMEOUT_MS,
    )
    return rows.map(({ name, checksum }) => ({ name: String(name), checksum: String(checksum) }))
  } catch (error) {
    if (isMissingTable(error)) return []
    throw error
  }
}

/** Names of locks belong to the whole server and have at most 64 characters: the database's name enters as a digest. */
const takeLock = async (connection: MysqlConnection, clock: Clock, database: string): Promise<void> => {
  const name = `latchkey migrate ${createHash('sha256').update(database).digest('hex').slice(0, 32)}`
  const giveUpMs = clock.monotonicMs() + LOCK_TIMEOUT_MS
  for (;;) {
    const { rows } = await connection.execute('SELECT GET_LOCK(?, 0) AS taken', [name], giveUpMs)
    if (rows[0]?.['taken'] === 1) return
    if (clock.monotonicMs() >= giveUpMs)
      throw new Failure('store_unavailable', 'another process has been migrating this store for a minute')
    await delay(50)
  }
}
