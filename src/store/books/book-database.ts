// What the books need of a dialect: reads, and writes that are done whole or not at all.
import type { Clock } from '../../kernel/clock.ts'
import type { Change } from '../../keys/change-feed.ts'
import type { Database, DatabaseTransaction } from '../schema.ts'

export type TransactionScope = Readonly<{
  tx: DatabaseTransaction
  /** True when rows must be locked one by one; SQLite has one writer at a time anyway. */
  locksRows: boolean
}>

export type WriteScope = TransactionScope &
  Readonly<{
    /** Says what the transaction changes: written last in it, told after its commit. */
    changed(change: Change): void
  }>

/** What a dialect brings. */
export type Transactions = Readonly<{
  read<T>(work: (db: Database) => Promise<T>): Promise<T>
  /** One transaction. `work` may run again when the database asks for it, so it must do nothing but database work. */
  write<T>(work: (scope: TransactionScope) => Promise<T>): Promise<T>
  /** True when an insert met a row with the same unique value. */
  isDuplicate(error: unknown): boolean
}>

export type BookDatabase = Readonly<{
  read<T>(work: (db: Database) => Promise<T>): Promise<T>
  /** As above, with the changes that the transaction makes for its last act. */
  write<T>(work: (scope: WriteScope) => Promise<T>): Promise<T>
  /** True when an insert met a row with the same unique value. */
  isDuplicate(error: unknown): boolean
}>

export type BookDeps = Readonly<{
  database: BookDatabase
  clock: Clock
}>
