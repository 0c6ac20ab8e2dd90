// What a dialect brings to a store; everything else is written once for both.
import type { KeyStore } from '../keys/key-store.ts'
import type { QuotaLedger } from '../quota/quota-ledger.ts'
import type { BookDatabase } from './books/book-database.ts'
import type { MigrationTarget } from './migrate.ts'

export type Backend = Readonly<{
  dialect: 'sqlite' | 'mysql'
  keyStore: KeyStore
  ledger: QuotaLedger
  books: BookDatabase
  migrations: MigrationTarget
  ping(): Promise<void>
  durabilityWarnings(): Promise<readonly string[]>
  close(): Promise<void>
}>
