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
import { startMockProviders } from '../../src/cli/demo/mock-providers.ts'
import type { ReceivedRequest } from '../../src/cli/demo/received-request.ts'
import { loadConfig } from '../../src/config.ts'
import type { Lifecycle } from '../../src/kernel/lifecycle.ts'
import { createLifecycle } from '../../src/kernel/lifecycle.ts'
import type { KeyDraft } from '../../src/keys/key-book.ts'
import { createSecrets, DEFAULT_SECRET_FORMATS, digestSecret, hintOf } from '../../src/keys/secret.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { FlakyProxy } from './flaky-proxy.ts'
import { startFlakyProxy } from './flaky-proxy.ts'
import type { HeaderLine, RawRequest, RawResponse } from './raw-client.ts'
import { sendRaw } from './raw-client.ts'
import { envoyOf } from './tested-envoys.ts'
import { TEST_TRANSPORT } from './transport.ts'

export type AccessEntry = Readonly<{
  request_id: string
  path: string
  status: number
  details: string
  latchkey: Readonly<Record<string, unknown>> | null
}>

export type MintedKey = Readonly<{ id: string; secret: string }>

export type EnvoyRig = Readonly<{
  app: App
  envoy: EnvoyProcess
  /** Between Envoy and Latchkey; of the demo and of mtls: the others meet Latchkey on a socket file. */
  proxy: FlakyProxy
  databasePath: string
  /** Another Latchkey on the same store and address. */
  startLatchkey(): Promise<App>
  createKey(draft?: Partial<Omit<KeyDraft, 'digest' | 'hint'>>): Promise<MintedKey>
  send(request: RawRequest): Promise<RawResponse>
  /** A chat with the key as bearer token. */
  chat(secret: string, model: string, headers?: readonly HeaderLine[]): Promise<RawResponse>
  /** What reached a model server since the last call. */
  received(): readonly ReceivedRequest[]
  /** The access-log entry of the one request with this path. */
  accessEntry(path: string): Promise<AccessEntry>
  /** What was logged so far. Whatever ended before a request whose entry is there, is there too. */
  accessEntries(): readonly AccessEntry[]
  close(): Promise<void>
}>

export type EnvoyRigOptions = Readonly<{
  version: string
  name?: 'demo' | 'sidecar' | 'gateway' | 'mtls'
  /** Of Latchkey, by name. */
  settings?: Readonly<Record<string, string>>
  /** What this test wants different in the shipped configuration. */
  change?: (document: Document) => void
  /** The same for its text, after that. */
  rewrite?: (text: string) => string
}>

/** An owner `acme/search`, two guardrails and four models are there; see MODELS. What was started is stopped when a step fails. */
export const startEnvoyRig = async (options: EnvoyRigOptions): Promise<EnvoyRig> => {
  const lifecycle = createLifecycle()
  try {
    return await start(options, lifecycle)
  } catch (error) {
    await lifecycle.close()
    throw error
  }
}

export const MODELS = [
  { name: 'gpt-4o-mini', route: 'openai', guardrails: [] },
  { name: 'claude-*', route: 'anthropic', guardrails: [] },
  { name: 'gemini-*', route: 'gemini', guardrails: [] },
  { name: 'llama-*', route: 'vllm', guardrails: ['pii-mask'] },
  { name: 'elsewhere', route: 'elsewhere', guardrails: [] },
]

export const chatBody = (model: string): string =>
  JSON.stringify({ model, max_tokens: 100, messages: [{ role: 'user', content: 'Hello' }] })

const start = async (
  { version, name = 'demo', settings = {}, change, rewrite = (text) => text }: EnvoyRigOptions,
  lifecycle: Lifecycle,
): Promise<EnvoyRig> => {
  const directory = await mkdtemp(join(tmpdir(), 'latchkey-envoy-'))
  lifecycle.onClose('directory', () => rm(directory, { recursive: true, force: true }))
  const providers = await startMockProviders()
  lifecycle.onClose('providers', providers.close)
  const databasePath = join(directory, 'latchkey.db')
  const socket = join(directory, 'latchkey.sock')
  const onTcp = name === 'demo' || name === 'mtls'
  const startLatchkey = async () => {
    const listen = onTcp ? '127.0.0.1:0' : `unix:${socket}`
    const app = await startApp(
      loadConfig({ ...SETTINGS, ...settings, listen, database_url: `sqlite:${databasePath}` }, {}),
    )
    lifecycle.onClose('app', app.stop)
    return app
  }
  const app = await startLatchkey()
  await seed(app)
  const proxy = await startFlakyProxy(app.address)
  lifecycle.onClose('proxy', proxy.close)
  const access = createAccessLog()
  const local = (port: number) => ({ host: '127.0.0.1', port })
  const clusters = {
    latchkey: onTcp ? { ...local(proxy.port), ...(name === 'mtls' ? TLS : {}) } : { socket },
    openai: local(providers.ports.openai),
    anthropic: local(providers.ports.anthropic),
    vllm: local(providers.ports.vllm),
    ...(name === 'demo' || name === 'gateway' ? { gemini: local(providers.ports.gemini) } : {}),
  }
  const envoy = await startEnvoy({
    binary: await envoyOf(version),
    directory,
    onAccessLine: (line) => access.add(line),
    config: rewrite(await envoyConfig(name, { listenPort: 0, adminPort: 0, clusters }, change)),
  })
  lifecycle.onClose('Envoy', envoy.stop)
  const send = (request: RawRequest) => sendRaw(envoy.port, request)
  return {
    app,
    envoy,
    proxy,
    databasePath,
    startLatchkey,
    createKey: (draft) => createKey(app, draft),
    send,
    chat: (secret, model, headers = []) =>
      send({ headers: [['authorization', `Bearer ${secret}`], ...headers], body: chatBody(model) }),
    received: () => {
      const received = [...providers.requests()]
      providers.forget()
      return received
    },
    accessEntry: (path) => access.entry(path),
    accessEntries: () => access.entries,
    close: lifecycle.close,
  }
}

const TLS = { tls: true } as const

const SETTINGS = { transport: TEST_TRANSPORT, health_listen: 'off', drain_delay: '0ms', log_level: 'silent' }

const seed = async ({ store: { ownerBook, policyBook } }: App): Promise<void> => {
  await ownerBook.createOwner('acme/search', NO_RULES, { withParents: true })
  for (const guardrail of ['pii-mask', 'nobody-runs-it']) await policyBook.createGuardrail(guardrail)
  for (const model of MODELS) await policyBook.createModel(model)
}

const PLAIN = {
  name: 'test',
  ownerPath: 'acme/search',
  notBeforeMs: undefined,
  expiresAtMs: undefined,
  rules: NO_RULES,
  limits: [],
}

const createKey = async (
  { store }: App,
  draft: Partial<Omit<KeyDraft, 'digest' | 'hint'>> = {},
): Promise<MintedKey> => {
  const secret = createSecrets(DEFAULT_SECRET_FORMATS).mint()
  const [key] = await store.keyBook.createKeys([
    { ...PLAIN, ...draft, digest: digestSecret(secret), hint: hintOf(secret) },
  ])
  if (key === undefined) throw new Error('no key was created')
  return { id: key.id, secret }
}

const createAccessLog = () => {
  const entries: AccessEntry[] = []
  const waiting = new Map<string, (entry: AccessEntry) => void>()
  return {
    entries,
    add(line: string): void {
      const entry = JSON.parse(line) as AccessEntry
      entries.push(entry)
      waiting.get(entry.path)?.(entry)
    },
    entry(path: string): Promise<AccessEntry> {
      const found = entries.find((entry) => entry.path === path)
      if (found !== undefined) return Promise.resolve(found)
      const { promise, resolve } = Promise.withResolvers<AccessEntry>()
      waiting.set(path, resolve)
      return promise
    },
  }
}
