// A running Latchkey in which fields are set and requests asked: over gRPC on either store, or through a real Envoy.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startApp } from '../../src/app.ts'
import { headerLines } from '../../src/cli/demo/received-request.ts'
import { loadConfig } from '../../src/config.ts'
import type { CheckResponse } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { createClock } from '../../src/kernel/clock.ts'
import { createLifecycle } from '../../src/kernel/lifecycle.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { Store } from '../../src/store/store.ts'
import { openStore } from '../../src/store/store.ts'
import { createCheckClient, summarise } from '../support/check-client.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import type { EnvoyRig } from '../support/envoy-rig.ts'
import { TEST_TRANSPORT } from '../support/transport.ts'

/** Unless told otherwise: POST /v1/chat/completions for llama-3 from 127.0.0.1. */
export type Asked = Readonly<{
  model?: string
  path?: string
  /** Only over gRPC: Envoy tells where its client is. */
  source?: string
}>

export type Answer = Readonly<{
  status: number
  /** `allow`, or the code in the body. */
  reason: string
  body: string
  /** What the model server is told, by header. */
  upstream(name: string): string | undefined
  /** What the client is told. */
  client(name: string): string | undefined
  /** What later filters are told. */
  facts(): Promise<Readonly<Record<string, unknown>>>
}>

export type World = Readonly<{
  kind: 'gRPC' | 'Envoy'
  store: Store
  ask(secret: string, asked?: Asked): Promise<Answer>
  close(): Promise<void>
}>

export const FIELD_SETTINGS = { shadow_header: 'on' }

const SETTINGS = {
  listen: '127.0.0.1:0',
  transport: TEST_TRANSPORT,
  health_listen: 'off',
  drain_delay: '0ms',
  log_level: 'silent',
  ...FIELD_SETTINGS,
}

/** Without an address of a database: an embedded one of its own. */
export const startGrpcWorld = async (databaseUrl?: string): Promise<World> => {
  const lifecycle = createLifecycle()
  const directory = await mkdtemp(join(tmpdir(), 'latchkey-fields-'))
  lifecycle.onClose('directory', () => rm(directory, { recursive: true, force: true }))
  const url = databaseUrl ?? `sqlite:${join(directory, 'store.db')}`
  await migrate(url)
  const { store, address, stop } = await startApp(loadConfig({ ...SETTINGS, database_url: url }, {}))
  lifecycle.onClose('app', stop)
  const client = createCheckClient(address)
  lifecycle.onClose('client', async () => client.close())
  for (const name of ['pii-mask', 'nobody-runs-it']) await store.policyBook.createGuardrail(name)
  await store.policyBook.createModel({ name: 'llama-*', route: 'vllm', guardrails: ['pii-mask'] })
  await seed(store)
  const ask: World['ask'] = async (secret, { model = 'llama-3', source = '127.0.0.1', path } = {}) => {
    const body = bodyFor(model)
    const headers = [['x-api-key', secret]] as const
    return grpcAnswer(
      await client.check(aCheckRequest({ headers, body, source, ...(path === undefined ? {} : { path }) })),
    )
  }
  return { kind: 'gRPC', store, ask, close: lifecycle.close }
}

/** Of a rig with FIELD_SETTINGS. Each request has a path of its own, by which the access log is read. */
export const createEnvoyWorld = async (rig: EnvoyRig): Promise<World> => {
  await seed(rig.app.store)
  let asks = 0
  const ask: World['ask'] = async (secret, { model = 'llama-3', path = '/v1/chat/completions' } = {}) => {
    asks += 1
    const own = `${path}?ask=${asks}`
    const headers = [['x-api-key', secret]] as const
    const response = await rig.send({ path: own, headers, body: bodyFor(model) })
    const received = rig.received().at(-1)
    return {
      status: response.status,
      reason: response.status === 200 ? 'allow' : codeIn(response.body),
      body: response.body,
      upstream: (name) => (received === undefined ? undefined : headerLines(received, name)[0]),
      client: (name) => response.headers.get(name)?.[0],
      facts: async () => (await rig.accessEntry(own)).latchkey ?? {},
    }
  }
  return { kind: 'Envoy', store: rig.app.store, ask, close: rig.close }
}

/** What rows refer to by name: a policy that admits everything, one that admits nothing, an owner who may do all, and one who may do nothing. */
const seed = async ({ policyBook, ownerBook }: Store): Promise<void> => {
  await policyBook.createPolicy({ name: 'lax' })
  await policyBook.createPolicy({ name: 'strict', models: [] })
  await ownerBook.createOwner('free', NO_RULES)
  await ownerBook.createOwner('barred', { ...NO_RULES, models: [] })
}

const migrate = async (url: string): Promise<void> => {
  const store = await openStore({ url, clock: createClock() })
  await store.migrate()
  await store.close()
}

const bodyFor = (model: string): string =>
  JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] })

const grpcAnswer = (response: CheckResponse): Answer => {
  const { httpStatus, reason, body } = summarise(response)
  const { httpResponse } = response
  const of = (headers: readonly { header?: { key: string; value: string } | undefined }[], name: string) =>
    headers.find(({ header }) => header?.key === name)?.header?.value
  const ok = httpResponse?.$case === 'okResponse' ? httpResponse.value : undefined
  const denied = httpResponse?.$case === 'deniedResponse' ? httpResponse.value : undefined
  return {
    status: httpStatus,
    reason,
    body,
    upstream: (name) => of(ok?.headers ?? [], name),
    client: (name) => of(ok?.responseHeadersToAdd ?? denied?.headers ?? [], name),
    facts: async () => response.dynamicMetadata ?? {},
  }
}

const codeIn = (body: string): string =>
  (JSON.parse(body) as { error?: { code?: string } }).error?.code ?? 'no code'
