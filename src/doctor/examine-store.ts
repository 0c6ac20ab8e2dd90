// The store, looked through without a change to it: nothing is made, migrated or charged.
import type { Config } from '../config.ts'
import type { Clock } from '../kernel/clock.ts'
import { createClock } from '../kernel/clock.ts'
import { Failure, Rejection } from '../kernel/failure.ts'
import { allKeys } from '../keys/all-keys.ts'
import type { Model } from '../policy/model-catalogue.ts'
import type { Store } from '../store/store.ts'
import { openStore } from '../store/store.ts'
import type { Finding } from './finding.ts'
import { fault, fine, skipped } from './finding.ts'
import { examineAccount } from './store/account-check.ts'
import { examineKeys } from './store/key-checks.ts'
import { examineRegistry } from './store/registry-checks.ts'
import { examineReplicas } from './store/replica-checks.ts'
import { examineClock, examineDurability, examineMigrations, examineServer } from './store/server-checks.ts'
import { examineShadow } from './store/shadow-check.ts'
import { examineSqliteFile } from './store/sqlite-file.ts'

export type StoreExamination = Readonly<{
  findings: readonly Finding[]
  reached: boolean
  /** undefined when they could not be read. */
  models: readonly Model[] | undefined
}>

export const examineStore = async (config: Config, machineNowMs: () => number): Promise<StoreExamination> => {
  const { databaseUrl: url } = config
  const file = url.startsWith('sqlite:') ? examineSqliteFile(url.slice('sqlite:'.length)) : undefined
  const before = file?.findings ?? []
  if (file?.canBeOpened === false) return { findings: before, reached: true, models: undefined }
  const clock = createClock()
  let store: Store | undefined
  try {
    store = await openStore({ url, clock })
    await store.ping()
    const inside = await examineInside(store, config, { clock, machineNowMs })
    return { ...inside, findings: [...before, fine('store_reachable', 'it answers'), ...inside.findings] }
  } catch (error) {
    if (!(error instanceof Failure || error instanceof Rejection)) throw error
    return {
      findings: [...before, unreachable(error)],
      reached: error instanceof Rejection,
      models: undefined,
    }
  } finally {
    await store?.close()
  }
}

const unreachable = (error: Failure | Rejection): Finding => {
  const why = error.cause instanceof Error ? error.cause.message : ''
  const found = why === '' || error.message.includes(why) ? error.message : `${error.message}: ${why}`
  return fault('store_reachable', found, remedyFor(found))
}

const remedyFor = (found: string): string => {
  if (/denied/i.test(found))
    return 'check the user and the password in database_url; latchkey accounts makes accounts'
  if (/unknown database/i.test(found))
    return 'CREATE DATABASE it, or correct the name at the end of database_url'
  if (/certificate|secure|tls|ssl/i.test(found))
    return 'name the authority of the server in ?ca=PATH, and the host as in its certificate; tls=off where the network is trusted'
  if (/lock/i.test(found)) return 'end the other process: one has an SQLite store at a time'
  return 'check host and port in database_url, that the server runs, and that nothing between refuses'
}

type Clocks = Readonly<{ clock: Clock; machineNowMs: () => number }>

const examineInside = async (
  store: Store,
  config: Config,
  { clock, machineNowMs }: Clocks,
): Promise<Omit<StoreExamination, 'reached'> & { reached: true }> => {
  const migrations = await examineMigrations(store)
  const server = [
    ...migrations,
    ...examineClock(clock, machineNowMs()),
    ...(await unlessRefused('store_durability', () => examineDurability(store))),
    ...(store.dialect === 'mysql' ? await unlessRefused('store_account', () => examineShared(config)) : []),
  ]
  if (migrations.some(({ state }) => state === 'fault'))
    return {
      findings: [...server, skipped('registered_names', 'the store is not migrated')],
      reached: true,
      models: undefined,
    }
  let models: readonly Model[] | undefined
  const registry = await unlessRefused('registered_names', async () => {
    const { policyBook } = store
    models = await policyBook.listModels()
    const held = { owners: await store.ownerBook.listOwners(), keys: await allKeys(store.keyBook) }
    const policies = await policyBook.listPolicies()
    return [
      ...examineRegistry({
        ...held,
        models,
        policies,
        guardrails: await policyBook.listGuardrails(),
      }),
      ...examineKeys(held, clock.now()),
      examineShadow({ ...held, policies }),
    ]
  })
  const replicas = await unlessRefused('replicas', () => examineReplicas(store, clock))
  return { findings: [...server, ...registry, ...replicas], reached: true, models }
}

const examineShared = async (config: Config): Promise<readonly Finding[]> => {
  const { readAccount } = await import('../store/mysql/read-account.ts')
  const { account, ...variables } = await readAccount(config.databaseUrl)
  return [examineAccount(account), ...examineServer(config, variables)]
}

/** An account may not read everything: what it may not is not looked at. */
const unlessRefused = async (
  check: string,
  work: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> => {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const why = error.cause instanceof Error ? error.cause.message : error.message
    return [skipped(check, `cannot be looked at with this account: ${why}`)]
  }
}
