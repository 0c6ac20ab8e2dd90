// What an open store offers.
import type { Change, KeyBook, OwnerBook } from '../keys/key-book.ts'
import type { KeyStore } from '../keys/key-store.ts'
import type { PolicyBook } from '../policy/policy-book.ts'
import type { LimitBook } from '../quota/limit-book.ts'
import type { QuotaLedger } from '../quota/quota-ledger.ts'

export type MigrationStatus = Readonly<{ applied: readonly string[]; pending: readonly string[] }>

export type Store = Readonly<{
  dialect: 'sqlite' | 'mysql'
  keyStore: KeyStore
  ledger: QuotaLedger
  keyBook: KeyBook
  ownerBook: OwnerBook
  policyBook: PolicyBook
  limitBook: LimitBook
  /** Called after each commit of a book of this very store. Returns how to stop listening. */
  onChange(listener: (change: Change) => void): () => void
  migrationStatus(): Promise<MigrationStatus>
  /** Applies what is pending under a lock; returns the names applied. */
  migrate(): Promise<readonly string[]>
  /** Throws Failure store_unavailable when the store does not answer. */
  ping(): Promise<void>
  /** Sentences about settings that weaken the durability promise; empty when it holds. */
  durabilityWarnings(): Promise<readonly string[]>
  close(): Promise<void>
}>
