// Migrating an embedded store: all pending steps in one transaction, which is also the lock.
import type { DatabaseSync } from 'node:sqlite'
import { createCall } from '../../kernel/call.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { AppliedStep, MigrationStep, MigrationTarget } from '../migrate.ts'
import { toFailure, whenNotBusy } from './errors.ts'

const LOCK_TIMEOUT_MS = 30_000

const CREATE_TABLE = `CREATE TABLE IF NOT EXISTS schema_migration (
  name TEXT NOT NULL PRIMARY KEY,
  checksum TEXT NOT NULL,
  applied_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID`

/** `open` opens a connection of its own: steps must not meet the books' transactions. */
export const createSqliteMigrations = (open: () => DatabaseSync, clock: Clock): MigrationTarget => ({
  dialect: 'sqlite',
  applied: () => withConnection(open, (database) => Promise.resolve(readApplied(database))),
  locked: (work) =>
    withConnection(open, async (database) => {
      const call = createCall(clock.monotonicMs() + LOCK_TIMEOUT_MS)
      await whenNotBusy(call, clock, () => database.exec('BEGIN IMMEDIATE'))
      const result = await work({
        applied: () => Promise.resolve(readApplied(database)),
        apply: (step) => {
          applyStep(database, step, clock.now())
          return Promise.resolve()
        },
      })
      database.exec('COMMIT')
      return result
    }),
})

/** Closing rolls back what was not committed. */
const withConnection = async <T>(
  open: () => DatabaseSync,
  work: (database: DatabaseSync) => Promise<T>,
): Promise<T> => {
  const database = open()
  try {
    return await work(database)
  } catch (error) {
    throw toFailure(error)
  } finally {
    database.close()
  }
}

const readApplied = (database: DatabaseSync): readonly AppliedStep[] => {
  const known = database
    .prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_migration'")
    .get()
  if (known === undefined) return []
  const rows = database.prepare('SELECT name, checksum FROM schema_migration ORDER BY name').all()
  return rows.map(({ name, checksum }) => ({ name: String(name), checksum: String(checksum) }))
}

const applyStep = (database: DatabaseSync, step: MigrationStep, nowMs: number): void => {
  database.exec(CREATE_TABLE)
  for (const statement of step.statements) database.exec(statement)
  database
    .prepare('INSERT INTO schema_migration (name, checksum, applied_at) VALUES (?, ?, ?)')
    .run(step.name, step.checksum, BigInt(nowMs))
}
