// Envoy as it is shipped, `latchkey serve` in a process of its own, and a MariaDB that can be lost; with keys of three kinds.
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Document } from 'yaml'
import { envoyConfig } from '../../src/cli/demo/envoy-config.ts'
import { startEnvoy } from '../../src/cli/demo/envoy-process.ts'
import { createClock } from '../../src/kernel/clock.ts'
import type { Lifecycle } from '../../src/kernel/lifecycle.ts'
import { createLifecycle } from '../../src/kernel/lifecycle.ts'
import { createSecrets, DEFAULT_SECRET_FORMATS, digestSecret, hintOf } from '../../src/keys/secret.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { LimitDraft } from '../../src/quota/limit-book.ts'
import type { Store } from '../../src/store/store.ts'
import { openStore } from '../../src/store/store.ts'
import type { OutageDatabase } from './outage-database.ts'
import { startOutageDatabase } from './outage-database.ts'
import { startServing } from './serving.ts'
import { ENVOYS, envoyOf } from './tested-envoys.ts'

export type OutageRig = Readonly<{
  database: OutageDatabase
  envoyPort: number
  unlimited: readonly string[]
  limited: readonly string[]
  /** Valid, without limits, and never asked for before; each may be taken once. */
  fresh: readonly string[]
  /** Of Latchkey's process, MiB. */
  rssMib(): number
  close(): Promise<void>
}>

type Options = Readonly<{ fresh: number; settings: Readonly<Record<string, string>> }>

/** What was started is stopped when a step fails. */
export const startOutageRig = async (options: Options): Promise<OutageRig> => {
  const lifecycle = createLifecycle()
  try {
    return await start(options, lifecycle)
  } catch (error) {
    await lifecycle.close()
    throw error
  }
}

const KEYS_OF_A_KIND = 20
/** Envoy waits two seconds. What is left of them to answer in would do where nothing else runs; here everything does. */
const OF_A_BUSY_MACHINE = { LATCHKEY_CHECK_TIMEOUT: '1s' }
const DAILY: LimitDraft = { unit: 'requests', period: 'day', zone: 'UTC', amount: 1_000_000_000 }

const start = async ({ fresh, settings }: Options, lifecycle: Lifecycle): Promise<OutageRig> => {
  const directory = await mkdtemp(join(tmpdir(), 'latchkey-outage-'))
  lifecycle.onClose('directory', () => rm(directory, { recursive: true }))
  const database = await startOutageDatabase()
  lifecycle.onClose('database', database.stop)
  const url = await database.freshDatabase()
  const keys = await prepare(url, fresh)
  const serving = await startServing(directory, { DATABASE_URL: url, ...OF_A_BUSY_MACHINE, ...settings })
  lifecycle.onClose('latchkey', async () => {
    serving.process.kill('SIGTERM')
    await serving.ended
  })
  const [host = '', port] = serving.address.split(':')
  const addresses = { listenPort: 0, adminPort: 0, clusters: { latchkey: { host, port: Number(port) } } }
  const envoy = await startEnvoy({
    binary: await envoyOf(ENVOYS.at(-1) ?? ''),
    directory,
    config: await envoyConfig('demo', addresses, withoutUpstream),
  })
  lifecycle.onClose('Envoy', envoy.stop)
  const rssMib = () => {
    const status = readFileSync(`/proc/${serving.process.pid}/status`, 'utf8')
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024
  }
  return { database, envoyPort: envoy.port, ...keys, rssMib, close: lifecycle.close }
}

const MANAGER = ['static_resources', 'listeners', 0, 'filter_chains', 0, 'filters', 0, 'typed_config']

/** An admitted request is answered by Envoy itself; nothing is traced or logged. */
const withoutUpstream = (document: Document): void => {
  document.deleteIn([...MANAGER, 'tracing'])
  document.deleteIn([...MANAGER, 'access_log'])
  const route = [...MANAGER, 'route_config', 'virtual_hosts', 0, 'routes', 0]
  document.deleteIn([...route, 'route'])
  document.setIn(
    [...route, 'direct_response'],
    document.createNode({ status: 200, body: { inline_string: '{}' } }),
  )
}

const prepare = async (url: string, fresh: number) => {
  const store = await openStore({ url, clock: createClock() })
  try {
    await store.migrate()
    await store.ownerBook.createOwner('acme', NO_RULES)
    await store.policyBook.createModel({ name: 'gpt-4o-mini', route: 'openai', guardrails: [] })
    return {
      unlimited: await createKeys(store, KEYS_OF_A_KIND, []),
      limited: await createKeys(store, KEYS_OF_A_KIND, [DAILY]),
      fresh: await createKeys(store, fresh, []),
    }
  } finally {
    await store.close()
  }
}

const KEYS_OF_A_STATEMENT = 500

export const createKeys = async (
  { keyBook }: Store,
  count: number,
  limits: readonly LimitDraft[],
): Promise<readonly string[]> => {
  const { mint } = createSecrets(DEFAULT_SECRET_FORMATS)
  const secrets = Array.from({ length: count }, mint)
  const plain = {
    name: 'k',
    ownerPath: 'acme',
    notBeforeMs: undefined,
    expiresAtMs: undefined,
    rules: NO_RULES,
  }
  const drafts = secrets.map((secret) => ({
    ...plain,
    limits,
    digest: digestSecret(secret),
    hint: hintOf(secret),
  }))
  for (let at = 0; at < count; at += KEYS_OF_A_STATEMENT)
    await keyBook.createKeys(drafts.slice(at, at + KEYS_OF_A_STATEMENT))
  return secrets
}
