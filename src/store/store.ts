// Opens a store by its URL; says what an open store offers.
import type { DatabaseClock } from '../kernel/clock.ts'
import { Rejection } from '../kernel/failure.ts'
import type { Change, ChangeSource } from '../keys/change-feed.ts'
import type { StateBook } from '../keys/declared-state.ts'
import type { KeyBook, OwnerBook } from '../keys/key-book.ts'
import type { GroupKeyStore } from '../keys/key-store.ts'
import type { ReplicaBook } from '../keys/replica-book.ts'
import type { PolicyBook } from '../policy/policy-book.ts'
import type { ChargeObserver } from '../quota/charge-observer.ts'
import { SILENT_OBSERVER } from '../quota/charge-observer.ts'
import type { LimitBook } from '../quota/limit-book.ts'
import type { ChargeForm, ChargeFormInUse, QuotaLedger } from '../quota/quota-ledger.ts'
import type { Backend } from './backend.ts'
import { withChangeLog } from './books/change-log.ts'
import type { FeedTriggers } from './books/feed-triggers.ts'
import { createFeedTriggers } from './books/feed-triggers.ts'
import { createKeyBook } from './books/key-book.ts'
import { createLimitBook } from './books/limit-book.ts'
import { createOwnerBook } from './books/owner-book.ts'
import { createPolicyBook } from './books/policy-book.ts'
import { createReplicaBook } from './books/replica-book.ts'
import { createStateBook } from './books/state-book.ts'
import type { MigrationStatus } from './migrate.ts'
import { migrate, migrationStatus } from './migrate.ts'
import type { MysqlOptions } from './mysql/pools.ts'
import type { SqliteOptions } from './sqlite/sqlite-backend.ts'
import { DEFAULT_SQLITE_OPTIONS, openSqliteBackend } from './sqlite/sqlite-backend.ts'

export type Store = Readonly<{
  dialect: 'sqlite' | 'mysql'
  keyStore: GroupKeyStore
  ledger: QuotaLedger
  keyBook: KeyBook
  ownerBook: OwnerBook
  policyBook: PolicyBook
  limitBook: LimitBook
  stateBook: StateBook
  replicaBook: ReplicaBook
  feedTriggers: FeedTriggers
  /** What was changed in the store, by whichever process. */
  changes: ChangeSource
  /** True for the token of a change that a book of this very store made lately, and that its listeners were told of. */
  isAnnounced(token: number): boolean
  /** Another process changed something: nobody is refused any more by what is remembered of the hot rows. */
  doubtQuotas(): void
  /** Called after each commit of a book of this very store. Returns how to stop listening. */
  onChange(listener: (change: Change) => void): () => void
  migrationStatus(): Promise<MigrationStatus>
  /** Applies what is pending under a lock; returns the names applied. */
  migrate(): Promise<readonly string[]>
  /** Tries the database at the first call, so after the migrations; throws Failure when it cannot be reached. */
  chargeForm(): Promise<ChargeFormInUse>
  /** Throws Failure store_unavailable when the store does not answer. */
  ping(): Promise<void>
  /** Sentences about settings that weaken the durability promise; empty when it holds. */
  durabilityWarnings(): Promise<readonly string[]>
  close(): Promise<void>
}>

export type StoreOptions = Readonly<{
  /** `sqlite:PATH` or `mysql://USER:PASSWORD@HOST:PORT/DATABASE`. */
  url: string
  clock: DatabaseClock
  /** How charges are made; `grouped` unless told otherwise. */
  chargeForm?: ChargeForm
  chargeObserver?: ChargeObserver
  sqlite?: Partial<SqliteOptions>
  mysql?: Partial<MysqlOptions>
}>

/** Throws Rejection for a URL that cannot be a store's, Failure store_unavailable when the store cannot be reached. */
export const openStore = async (options: StoreOptions): Promise<Store> =>
  createStore(await openBackend(options), options.clock)

const openBackend = async ({ url, clock, sqlite, mysql, ...more }: StoreOptions): Promise<Backend> => {
  const charging = { form: more.chargeForm ?? 'grouped', observer: more.chargeObserver ?? SILENT_OBSERVER }
  if (url.startsWith('sqlite:'))
    return openSqliteBackend(sqlitePath(url), clock, charging, { ...DEFAULT_SQLITE_OPTIONS, ...sqlite })
  if (url.startsWith('mysql:')) {
    // Loaded late: the driver by itself takes 60 ms to load.
    const [{ openMysqlBackend }, { DEFAULT_MYSQL_OPTIONS }] = await Promise.all([
      import('./mysql/mysql-backend.ts'),
      import('./mysql/pools.ts'),
    ])
    return openMysqlBackend(url, clock, charging, { ...DEFAULT_MYSQL_OPTIONS, ...mysql })
  }
  throw new Rejection('invalid', 'a store is sqlite:PATH or mysql://USER:PASSWORD@HOST:PORT/DATABASE')
}

const sqlitePath = (url: string): string => {
  const path = url.slice('sqlite:'.length)
  if (path === '' || path.startsWith(':') || path.includes('\0'))
    throw new Rejection('invalid', 'an SQLite store is a file: sqlite:PATH')
  return path
}

const createStore = (backend: Backend, clock: DatabaseClock): Store => {
  const listeners = new Set<(change: Change) => void>()
  const announce = (change: Change) => {
    backend.charges.doubt()
    for (const listener of listeners) listener(change)
  }
  const { database, isAnnounced } = withChangeLog({ transactions: backend.transactions, clock, announce })
  const deps = { database, clock }
  return {
    dialect: backend.dialect,
    keyStore: backend.keyStore,
    ledger: backend.charges.ledger,
    keyBook: createKeyBook(deps),
    ownerBook: createOwnerBook(deps),
    policyBook: createPolicyBook(deps),
    limitBook: createLimitBook(deps),
    stateBook: createStateBook(deps),
    replicaBook: createReplicaBook(backend.transactions, clock),
    feedTriggers: createFeedTriggers(backend.transactions, backend.dialect),
    changes: backend.changes,
    isAnnounced,
    doubtQuotas: () => backend.charges.doubt(),
    onChange: (listener) => {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    migrationStatus: () => migrationStatus(backend.migrations),
    migrate: () => migrate(backend.migrations),
    chargeForm: () => backend.charges.formInUse(),
    ping: () => backend.ping(),
    durabilityWarnings: () => backend.durabilityWarnings(),
    close: () => backend.close(),
  }
}
