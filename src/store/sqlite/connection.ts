// Opens the file of an embedded store: private, write-ahead log, every commit on disk before it is acknowledged.
import { accessSync, closeSync, constants, openSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Failure, Rejection } from '../../kernel/failure.ts'
import { isBusy, isNotADatabase } from './errors.ts'

/** Only at opening, where another process may be opening the same new file, does a lock block the event loop. */
const OPEN_TIMEOUT_MS = 5_000

/** Throws a Rejection when the path cannot be a store, a Failure when it is one that cannot be opened now. */
export const openSqlite = (path: string): DatabaseSync => {
  const database = new DatabaseSync(resolve(path), {
    timeout: OPEN_TIMEOUT_MS,
    enableForeignKeyConstraints: false,
  })
  try {
    const mode = database.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode']
    if (mode !== 'wal')
      throw new Rejection('invalid', `${path} cannot keep a write-ahead log (it has ${String(mode)})`)
    database.exec('PRAGMA synchronous = FULL')
    database.exec('PRAGMA busy_timeout = 0')
    return database
  } catch (error) {
    database.close()
    if (isNotADatabase(error)) throw new Rejection('invalid', `${path} is not an SQLite database`)
    if (isBusy(error))
      throw new Failure('store_unavailable', `${path} is locked by another process`, { cause: error })
    throw error
  }
}

/** Nobody but the owner may read digests and limits. The log files beside it take the same mode from it. */
export const prepareSqliteFile = (path: string): void => {
  const folder = dirname(resolve(path))
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new Rejection('invalid', `the folder ${folder} of the SQLite store does not exist`)
  try {
    closeSync(openSync(path, constants.O_CREAT | constants.O_RDWR, 0o600))
    accessSync(folder, constants.W_OK)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new Rejection('invalid', `the SQLite store ${path} cannot be opened for writing: ${message}`)
  }
}
