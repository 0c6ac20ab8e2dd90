// Every store that there is, opened fresh on a clock that moves only when told: one body of tests runs on each.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe } from 'vitest'
import type { Call } from '../../src/kernel/call.ts'
import { createCall } from '../../src/kernel/call.ts'
import type { DatabaseClock } from '../../src/kernel/clock.ts'
import type { KeyDraft, RotationDraft } from '../../src/keys/key-book.ts'
import type { WantedKey } from '../../src/keys/key-store.ts'
import type { VirtualKey } from '../../src/keys/virtual-key.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { Quota } from '../../src/quota/quota.ts'
import type { ChargeForm } from '../../src/quota/quota-ledger.ts'
import type { MysqlOptions } from '../../src/store/mysql/pools.ts'
import type { Store, StoreOptions } from '../../src/store/store.ts'
import { openStore } from '../../src/store/store.ts'
import { freshDatabase, runOnMariadb } from './mariadb.ts'

export type Row = Readonly<Record<string, unknown>>

export type TestStore = Readonly<{
  store: Store
  url: string
  /** Both clocks, the process's and the database's, stand still until they are moved together. */
  clock: DatabaseClock
  moveTo(instantMs: number): Promise<void>
  /** Moves the process's clock alone, as when its estimate of the database's is wrong. */
  moveEstimateTo(instantMs: number): void
  newCall(timeoutMs?: number): Call
  /** A second process's view of the same store. */
  openAgain(options?: Partial<MysqlOptions>, more?: MoreOptions): Promise<Store>
  /** Reads past the store. */
  read(text: string): Promise<readonly Row[]>
  /** Writes past the store. */
  write(text: string): Promise<void>
  close(): Promise<void>
}>

/** What a test may want otherwise than everybody. */
export type MoreOptions = Partial<Pick<StoreOptions, 'clock' | 'chargeForm' | 'chargeObserver'>>

export const NOON = Date.UTC(2026, 10, 21, 12, 0, 0)

type StoreKind = 'SQLite' | 'MariaDB'

/** Runs `body` once for each kind of store; `get()` is the open store while its tests run. */
export const describeEveryStore = (
  subject: string,
  body: (get: () => TestStore, kind: StoreKind) => void,
): void => {
  for (const kind of STORE_KINDS) describeStore(`${subject} · ${kind}`, kind, {}, (get) => body(get, kind))
}

/** The same, once for each form of charging as well. */
export const describeEveryForm = (
  subject: string,
  body: (get: () => TestStore, kind: StoreKind, form: ChargeForm) => void,
): void => {
  for (const kind of STORE_KINDS)
    for (const chargeForm of CHARGE_FORMS)
      describeStore(`${subject} · ${kind}, ${chargeForm}`, kind, { chargeForm }, (get) =>
        body(get, kind, chargeForm),
      )
}

/** The same on MariaDB alone. */
export const describeMariadbForms = (
  subject: string,
  body: (get: () => TestStore, form: ChargeForm) => void,
): void => {
  for (const chargeForm of CHARGE_FORMS)
    describeStore(`${subject} · MariaDB, ${chargeForm}`, 'MariaDB', { chargeForm }, (get) =>
      body(get, chargeForm),
    )
}

export const CHARGE_FORMS: readonly ChargeForm[] = ['grouped', 'direct']
const STORE_KINDS: readonly StoreKind[] = ['SQLite', 'MariaDB']

const describeStore = (
  name: string,
  kind: StoreKind,
  more: MoreOptions,
  body: (get: () => TestStore) => void,
): void => {
  describe(name, () => {
    let opened: TestStore | undefined
    beforeAll(async () => {
      opened = kind === 'SQLite' ? await openSqliteStore(more) : await openMariadbStore({}, more)
      await opened.store.migrate()
    })
    afterAll(() => opened?.close())
    body(() => {
      if (opened === undefined) throw new Error('the store is not open')
      return opened
    })
  })
}

export const openSqliteStore = async (more: MoreOptions = {}): Promise<TestStore> => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-store-'))
  const path = join(folder, 'store.db')
  const url = `sqlite:${path}`
  const clock = createStillClock()
  const store = await openStore({ url, clock, ...more })
  return {
    ...common(clock),
    store,
    url,
    moveTo: async (instantMs) => clock.moveTo(instantMs),
    openAgain: (_, again) => openStore({ url, clock, ...more, ...again }),
    read: async (text) => {
      const database = new DatabaseSync(path, { readOnly: true })
      try {
        return database.prepare(text).all()
      } finally {
        database.close()
      }
    },
    write: async (text) => {
      const database = new DatabaseSync(path)
      database.exec(text)
      database.close()
    },
    close: async () => {
      await store.close()
      await rm(folder, { recursive: true })
    },
  }
}

export const openMariadbStore = async (
  options: Partial<MysqlOptions> = {},
  more: MoreOptions = {},
): Promise<TestStore> => {
  const url = await freshDatabase()
  const clock = createStillClock()
  let databaseNowMs = clock.now()
  const connections = new Set<(text: string) => Promise<void>>()
  // Half a millisecond more, because the server cuts the fraction off.
  const setTimestamp = () => `SET timestamp = ${((databaseNowMs + 0.5) / 1_000).toFixed(4)}`
  const mysql: Partial<MysqlOptions> = {
    ...options,
    onConnection: async (run) => {
      connections.add(run)
      await run(setTimestamp())
    },
  }
  const store = await openStore({ url, clock, mysql, ...more })
  const database = new URL(url).pathname.slice(1)
  return {
    ...common(clock),
    store,
    url,
    moveTo: async (instantMs) => {
      clock.moveTo(instantMs)
      databaseNowMs = instantMs
      await Promise.all(
        [...connections].map((run) => run(setTimestamp()).catch(() => connections.delete(run))),
      )
    },
    openAgain: (changed, again) =>
      openStore({ url, clock, mysql: { ...mysql, ...changed }, ...more, ...again }),
    read: (text) => runOnMariadb(text, database),
    write: async (text) => {
      await runOnMariadb(text, database)
    },
    close: async () => {
      await store.close()
      await runOnMariadb(`DROP DATABASE ${database}`)
    },
  }
}

type StillClock = DatabaseClock & Readonly<{ moveTo(instantMs: number): void }>

/** Wall time stands still; deadlines need time that passes. */
const createStillClock = (): StillClock => {
  let nowMs = NOON
  return {
    now: () => nowMs,
    monotonicMs: () => performance.now(),
    observe: (databaseNowMs) => {
      nowMs = databaseNowMs
    },
    moveTo: (instantMs) => {
      nowMs = instantMs
    },
  }
}

const common = (clock: StillClock) => ({
  clock,
  moveEstimateTo: clock.moveTo,
  newCall: (timeoutMs = 20_000) => createCall(clock.monotonicMs() + timeoutMs),
})

let digests = 0

/** A digest nobody has used. */
export const aDigest = (): Uint8Array => {
  digests += 1
  const digest = new Uint8Array(32)
  new DataView(digest.buffer).setUint32(0, digests)
  return digest
}

/** For a look-up of several. */
export const wantedKey = (digest: Uint8Array): WantedKey => ({ digest, within: (work) => work() })

export const aDraft = (more: Partial<KeyDraft> = {}): KeyDraft => ({
  name: 'ci',
  ownerPath: 'acme',
  digest: aDigest(),
  hint: 'abcd',
  notBeforeMs: undefined,
  expiresAtMs: undefined,
  rules: NO_RULES,
  limits: [],
  ...more,
})

export const aRotation = (more: Partial<RotationDraft> = {}): RotationDraft => ({
  digest: aDigest(),
  hint: 'wxyz',
  graceMs: 0,
  force: false,
  ...more,
})

export type NewKey = Readonly<{ id: string; digest: Uint8Array; key: VirtualKey; quotas: readonly Quota[] }>

/** Creates a key, with its owner when that is missing, and looks it up; `quotas` are what a Check would charge. */
export const createKey = async (opened: TestStore, more: Partial<KeyDraft> = {}): Promise<NewKey> => {
  const draft = aDraft(more)
  const owners = await opened.store.ownerBook.listOwners()
  if (!owners.some(({ path }) => path === draft.ownerPath))
    await opened.store.ownerBook.createOwner(draft.ownerPath, NO_RULES, { withParents: true })
  const [record] = await opened.store.keyBook.createKeys([draft])
  if (record === undefined) throw new Error('no key was created')
  const key = await lookUp(opened, draft.digest)
  return { id: record.id, digest: draft.digest, key, quotas: chargedQuotas(key) }
}

export const lookUp = async (opened: TestStore, digest: Uint8Array): Promise<VirtualKey> => {
  const { key } = await opened.store.keyStore.find(digest, -1, opened.newCall())
  if (key === undefined) throw new Error('the key is not there')
  return key
}

export const chargedQuotas = (key: VirtualKey): readonly Quota[] => {
  const limits = [...key.quotas, ...key.owners.flatMap(({ quotas }) => quotas)]
  return key.quotas.length === 0 ? [key.usabilityQuota, ...limits] : limits
}

export type QuotaRow = Readonly<{
  id: number
  amount: number
  used: number
  window_start: number
  window_end: number
  usable_until: number
}>

export const quotaRow = async (opened: TestStore, id: number): Promise<QuotaRow> => {
  const [row] = await opened.read(
    `SELECT id, amount, used, window_start, window_end, usable_until FROM quota WHERE id = ${id}`,
  )
  if (row === undefined) throw new Error(`there is no quota row ${id}`)
  const number = (column: string) => Number(row[column])
  return {
    id: number('id'),
    amount: number('amount'),
    used: number('used'),
    window_start: number('window_start'),
    window_end: number('window_end'),
    usable_until: number('usable_until'),
  }
}
