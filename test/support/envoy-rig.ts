// A real Envoy with a shipped configuration, in front of the real app on an embedded store, in front of mock model servers.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Document } from 'yaml'
import type { App } from '../../src/app.ts'
import { startApp } from '../../src/app.ts'
import { envoyConfig } from '../../src/cli/demo/envoy-config.ts'
import type { EnvoyProcess } from '../../src/cli/demo/envoy-process.ts'
import { startEnvoy } from '../../src/cli/demo/envoy-process.ts'
import type { MockProviders } from '../../src/cli/demo/mock-providers.ts'
import { startMockProviders } from '../../src/cli/demo/mock-providers.ts'
import type { ReceivedRequest } from '../../src/cli/demo/received-request.ts'
import { loadConfig } from '../../src/config.ts'
import { createLifecycle } from '../../src/kernel/lifecycle.ts'
import type { KeyDraft } from '../../src/keys/key-book.ts'
import { createSecrets, DEFAULT_SECRET_FORMATS, digestSecret, hintOf } from '../../src/keys/secret.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { FlakyProxy } from './flaky-proxy.ts'
import { startFlakyProxy } from './flaky-proxy.ts'
import type { HeaderLine, RawRequest, RawResponse } from './raw-client.ts'
import { sendRaw } from './raw-client.ts'
import { envoyOf } from './tested-envoys.ts'

export type AccessEntry = Readonly<{
  request_id: string
  path: string
  status: number
  details: string
  latchkey: Readonly<Record<string, unknown>> | null
}>

export type EnvoyRig = Readonly<{
  app: App
  envoy: EnvoyProcess
  proxy: FlakyProxy
  providers: MockProviders
  databasePath: string
  createKey(draft?: Partial<Omit<KeyDraft, 'digest' | 'hint'>>): Promise<{ id: string; secret: string }>
  send(request: RawRequest): Promise<RawResponse>
  /** A chat with the key as bearer token. */
  chat(secret: string, model: string, headers?: readonly HeaderLine[]): Promise<RawResponse>
  /** What reached a model server since the last call. */
  received(): readonly ReceivedRequest[]
  /** The access-log entry of the request with this path. */
  accessEntry(path: string): Promise<AccessEntry>
  close(): Promise<void>
}>

export type EnvoyRigOptions = Readonly<{
  version: string
  /** Settings of Latchkey by name. */
  settings?: Readonly<Record<string, string>>
  /** What this test wants different in envoy/demo.yaml. */
  change?: (document: Document) => void
}>

export const startEnvoyRig = async ({
  version,
  settings = {},
  change,
}: EnvoyRigOptions): Promise<EnvoyRig> => {
  const lifecycle = createLifecycle()
  try {
    const directory = await mkdtemp(join(tmpdir(), 'latchkey-envoy-'))
    lifecycle.onClose('directory', () => rm(directory, { recursive: true, force: true }))
    const providers = await startMockProviders()
    lifecycle.onClose('providers', providers.close)
    const databasePath = join(directory, 'latchkey.db')
    const app = await startApp(
      loadConfig({ ...SETTINGS, database_url: `sqlite:${databasePath}`, ...settings }, {}),
    )
    lifecycle.onClose('app', app.stop)
    await seed(app)
    const proxy = await startFlakyProxy(app.address)
    lifecycle.onClose('proxy', proxy.close)
    const access = createAccessLog()
    const local = (port: number) => ({ host: '127.0.0.1', port })
    const clusters = {
      latchkey: local(proxy.port),
      openai: local(providers.ports.openai),
      anthropic: local(providers.ports.anthropic),
      vllm: local(providers.ports.vllm),
    }
    const envoy = await startEnvoy({
      binary: await envoyOf(version),
      directory,
      onAccessLine: access.add,
      config: await envoyConfig('demo', { listenPort: 0, adminPort: 0, clusters }, change),
    })
    lifecycle.onClose('Envoy', envoy.stop)
    const send = (request: RawRequest) => sendRaw(envoy.port, request)
    return {
      ...{ app, envoy, proxy, providers, databasePath, send },
      createKey: (draft) => createKey(app, draft),
      chat: (secret, model, headers = []) =>
        send({
          headers: [['authorization', `Bearer ${secret}`], ...headers],
          body: JSON.stringify({ ...CHAT, model }),
        }),
      received: () => {
        const received = [...providers.requests()]
        providers.forget()
        return received
      },
      accessEntry: access.entry,
      close: lifecycle.close,
    }
  } catch (error) {
    await lifecycle.close()
    throw error
  }
}

export const CHAT = { messages: [{ role: 'user', content: 'Hello' }] }

const SETTINGS = { listen: '127.0.0.1:0', health_listen: 'off', drain_delay: '0ms', log_level: 'silent' }

const seed = async ({ store: { ownerBook, policyBook } }: App): Promise<void> => {
  await ownerBook.createOwner('acme/search', NO_RULES, { withParents: true })
  for (const guardrail of ['pii-mask', 'nobody-runs-it']) await policyBook.createGuardrail(guardrail)
  await policyBook.createModel({ name: 'gpt-4o-mini', route: 'openai', guardrails: [] })
  await policyBook.createModel({ name: 'claude-*', route: 'anthropic', guardrails: [] })
  await policyBook.createModel({ name: 'llama-*', route: 'vllm', guardrails: ['pii-mask'] })
  await policyBook.createModel({ name: 'elsewhere', route: 'elsewhere', guardrails: [] })
}

const PLAIN = {
  ownerPath: 'acme/search',
  notBeforeMs: undefined,
  expiresAtMs: undefined,
  rules: NO_RULES,
  limits: [],
}

const createKey: (
  app: App,
  draft?: Parameters<EnvoyRig['createKey']>[0],
) => Promise<{ id: string; secret: string }> = async ({ store }, draft = {}) => {
  const secret = createSecrets(DEFAULT_SECRET_FORMATS).mint()
  const digest = digestSecret(secret)
  const [key] = await store.keyBook.createKeys([
    { name: 'test', ...PLAIN, ...draft, digest, hint: hintOf(secret) },
  ])
  if (key === undefined) throw new Error('no key was created')
  return { id: key.id, secret }
}

/** Entries by path, awaited. A path is asked for once. */
const createAccessLog = () => {
  const entries: AccessEntry[] = []
  const waiting = new Map<string, (entry: AccessEntry) => void>()
  return {
    add(line: string): void {
      const entry = JSON.parse(line) as AccessEntry
      entries.push(entry)
      waiting.get(entry.path)?.(entry)
    },
    async entry(path: string): Promise<AccessEntry> {
      const found = entries.find((entry) => entry.path === path)
      if (found !== undefined) return found
      const { promise, resolve } = Promise.withResolvers<AccessEntry>()
      waiting.set(path, resolve)
      return promise
    },
  }
}
