// What a dialect brings to a store; everything else is written once for both.
import type { ChangeSource } from '../keys/change-feed.ts'
import type { GroupKeyStore } from '../keys/key-store.ts'
import type { ChargeObserver } from '../quota/charge-observer.ts'
import type { ChargeForm, ChargeFormInUse, QuotaLedger } from '../quota/quota-ledger.ts'
import type { Transactions } from './books/book-database.ts'
import type { MigrationTarget } from './migrate.ts'

/** What was asked for, and who is told. */
export type Charging = Readonly<{ form: ChargeForm; observer: ChargeObserver }>

export type Charges = Readonly<{
  ledger: QuotaLedger
  formInUse(): Promise<ChargeFormInUse>
  /** Something changed in the store: what is known of its rows is no reason to refuse any more. */
  doubt(): void
}>

/** Hot rows of which a process knows what they hold, some 150 bytes each. Rows that are forgotten are read before they are charged. */
export const VIEW_ROWS = 200_000

export type Backend = Readonly<{
  dialect: 'sqlite' | 'mysql'
  keyStore: GroupKeyStore
  charges: Charges
  transactions: Transactions
  changes: ChangeSource
  migrations: MigrationTarget
  ping(): Promise<void>
  durabilityWarnings(): Promise<readonly string[]>
  close(): Promise<void>
}>
