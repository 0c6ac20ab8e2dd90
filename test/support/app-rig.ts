// The whole program in this process, on an embedded store of the test's own; everything is closed after each test.
import { join } from 'node:path'
import type { ChannelCredentials } from '@grpc/grpc-js'
import { credentials } from '@grpc/grpc-js'
import type { App } from '../../src/app.ts'
import { startApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config.ts'
import type { CheckResponse } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { AuthorizationClient } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import type { KeyDraft } from '../../src/keys/key-book.ts'
import { createSecrets, DEFAULT_SECRET_FORMATS, digestSecret, hintOf } from '../../src/keys/secret.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { Store } from '../../src/store/store.ts'
import type { AnswerSummary } from './check-client.ts'
import { summarise } from './check-client.ts'
import type { RequestParts } from './check-requests.ts'
import { aCheckRequest } from './check-requests.ts'
import { aDirectory, onClose } from './closing.ts'
import { TEST_TRANSPORT } from './transport.ts'

export type AppRig = Readonly<{
  app: App
  directory: string
  databaseUrl: string
  log: readonly string[]
  /** Asks as the holder of the secret; rejects with the gRPC error when there is one. */
  ask(secret: string, parts?: RequestParts): Promise<CheckResponse>
  answer(secret: string, parts?: RequestParts): Promise<AnswerSummary>
}>

/** Settings are texts by name, as on the command line. Unless told otherwise: free loopback ports, no drain delay. */
export const anApp = async (
  settings: Readonly<Record<string, string>> = {},
  channel: ChannelCredentials = credentials.createInsecure(),
): Promise<AppRig> => {
  const directory = await aDirectory()
  const databaseUrl = `sqlite:${join(directory, 'store.db')}`
  const defaults = {
    database_url: databaseUrl,
    listen: '127.0.0.1:0',
    transport: TEST_TRANSPORT,
    health_listen: 'off',
    drain_delay: '0ms',
  }
  const log: string[] = []
  const config = loadConfig({ ...defaults, ...settings }, {})
  const app = await startApp(config, { logTo: { write: (line) => log.push(line) } })
  onClose(() => app.stop())
  const client = new AuthorizationClient(app.address, channel, {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.ssl_target_name_override': 'localhost',
  })
  onClose(() => client.close())
  const ask: AppRig['ask'] = (secret, parts = {}) =>
    new Promise((resolve, reject) => {
      client.check(aCheckRequest({ headers: bearer(secret), ...parts }), (error, response) =>
        error === null ? resolve(response) : reject(error),
      )
    })
  return { app, directory, databaseUrl, log, ask, answer: async (...args) => summarise(await ask(...args)) }
}

const bearer = (secret: string) => [['authorization', `Bearer ${secret}`]] as const

const { mint } = createSecrets(DEFAULT_SECRET_FORMATS)

export const mintSecret = mint

/** A key of an organisation that is made when missing. */
export const aKeyIn = async (
  { keyBook, ownerBook }: Store,
  draft: Partial<Omit<KeyDraft, 'digest' | 'hint'>> = {},
  secret = mint(),
): Promise<{ id: string; secret: string }> => {
  const ownerPath = draft.ownerPath ?? 'acme'
  const owners = await ownerBook.listOwners()
  if (!owners.some(({ path }) => path === ownerPath)) await ownerBook.createOwner(ownerPath, NO_RULES)
  const common = { name: 'k', notBeforeMs: undefined, expiresAtMs: undefined, rules: NO_RULES, limits: [] }
  const key = { ...common, ...draft, ownerPath, digest: digestSecret(secret), hint: hintOf(secret) }
  const [record] = await keyBook.createKeys([key])
  if (record === undefined) throw new Error('no key was made')
  return { id: record.id, secret }
}
