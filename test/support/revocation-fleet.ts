// Several replicas of one store, the store itself to revoke in, and keys for it.
import { createClock } from '../../src/kernel/clock.ts'
import { createSecrets, DEFAULT_SECRET_FORMATS, digestSecret, hintOf } from '../../src/keys/secret.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { LimitDraft } from '../../src/quota/limit-book.ts'
import type { Store } from '../../src/store/store.ts'
import { openStore } from '../../src/store/store.ts'
import type { CheckClient } from './check-client.ts'
import { createCheckClient } from './check-client.ts'
import { aDirectory, onClose } from './closing.ts'
import { startReplica } from './replicas.ts'

export type Key = Readonly<{ id: string; secret: string }>
export type Fleet = Readonly<{ store: Store; clients: readonly CheckClient[] }>

/** A migrated store, and so many processes of `latchkey serve` on it. All is closed after the test. */
export const startReplicas = async (
  url: string,
  replicas: number,
  env: Readonly<Record<string, string>> = {},
): Promise<Fleet> => {
  const directory = await aDirectory()
  const store = await openStore({ url, clock: createClock() })
  onClose(store.close)
  await store.migrate()
  await store.ownerBook.createOwner('acme', NO_RULES)
  const startOne = async (_: unknown, n: number): Promise<CheckClient> => {
    const settings = { LATCHKEY_DRAIN_DELAY: '0ms', ...env }
    const replica = await startReplica(directory, `replica-${n}`, url, settings)
    onClose(replica.stop)
    const client = createCheckClient(replica.address)
    onClose(client.close)
    return client
  }
  const clients = await Promise.all(Array.from({ length: replicas }, startOne))
  return { store, clients }
}

const { mint } = createSecrets(DEFAULT_SECRET_FORMATS)

export const createKeys = async (
  { store }: Fleet,
  count: number,
  limits: readonly LimitDraft[] = [],
): Promise<readonly Key[]> => {
  const keys: Key[] = []
  while (keys.length < count) {
    const secrets = Array.from({ length: Math.min(KEYS_AT_ONCE, count - keys.length) }, mint)
    const common = { name: 'k', ownerPath: 'acme', notBeforeMs: undefined, expiresAtMs: undefined, limits }
    const drafts = secrets.map((secret) => ({
      ...common,
      rules: NO_RULES,
      digest: digestSecret(secret),
      hint: hintOf(secret),
    }))
    const records = await store.keyBook.createKeys(drafts)
    keys.push(...records.map(({ id }, at) => ({ id, secret: secrets[at] ?? '' })))
  }
  return keys
}

const KEYS_AT_ONCE = 100
