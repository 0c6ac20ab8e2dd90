// What the books need of a dialect: reads, and writes that are done whole or not at all.
import type { Clock } from '../../kernel/clock.ts'
import type { Change } from '../../keys/key-book.ts'
import type { Database, DatabaseTransaction } from '../schema.ts'

export type WriteScope = Readonly<{
  tx: DatabaseTransaction
  /** True when rows must be locked one by one; SQLite has one writer at a time anyway. */
  locksRows: boolean
}>

export type BookDatabase = Readonly<{
  read<T>(work: (db: Database) => Promise<T>): Promise<T>
  /** One transaction. `work` may run again when the database asks for it, so it must do nothing but database work. */
  write<T>(work: (scope: WriteScope) => Promise<T>): Promise<T>
  /** True when an insert met a row with the same unique value. */
  isDuplicate(error: unknown): boolean
}>

export type BookDeps = Readonly<{
  database: BookDatabase
  clock: Clock
  /** Called after a commit. */
  announce: (change: Change) => void
}>
