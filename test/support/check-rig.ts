// A whole decision on a real embedded store: keys made by the books, requests decoded as Envoy's, every store call counted.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CheckDeps } from '../../src/check/check.ts'
import { createCheck } from '../../src/check/check.ts'
import type { Decision } from '../../src/check/decision.ts'
import type { KnownKey } from '../../src/check/usable-key.ts'
import type { Call } from '../../src/kernel/call.ts'
import { createCall } from '../../src/kernel/call.ts'
import type { KeyDraft } from '../../src/keys/key-book.ts'
import { createKeyDirectory } from '../../src/keys/key-directory.ts'
import { createSecrets, DEFAULT_SECRET_FORMATS, digestSecret, hintOf } from '../../src/keys/secret.ts'
import { createSourceThrottle } from '../../src/keys/source-throttle.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import { createFailOpen } from '../../src/quota/fail-open.ts'
import { createRefusalMemory } from '../../src/quota/refusal-memory.ts'
import { createRetryMemory } from '../../src/quota/retry-memory.ts'
import type { Store } from '../../src/store/store.ts'
import { openStore } from '../../src/store/store.ts'
import type { RequestParts } from './check-requests.ts'
import { aCheckRequest } from './check-requests.ts'
import { toAuthRequest } from './decoded-check.ts'
import type { ManualClock } from './manual-clock.ts'
import { createManualClock } from './manual-clock.ts'

export type MintedKey = Readonly<{ id: string; secret: string }>

export type CheckRig = Readonly<{
  clock: ManualClock
  store: Store
  deps: CheckDeps
  wasted(): number
  /** Look-ups, charges and looks that reached the store since the last call of this function. */
  storeCalls(): number
  createKey(draft?: Partial<Omit<KeyDraft, 'digest' | 'hint'>>): Promise<MintedKey>
  ask(parts: RequestParts, call?: Call): Promise<{ decision: Decision; call: Call }>
  newCall(timeoutMs?: number): Call
  /** As after a restart: nothing cached, nothing remembered. */
  forgetEverything(): void
  close(): Promise<void>
}>

const secrets = createSecrets(DEFAULT_SECRET_FORMATS)

export const createCheckRig = async (): Promise<CheckRig> => {
  const directory = await mkdtemp(join(tmpdir(), 'latchkey-check-'))
  const clock = createManualClock()
  const store = await openStore({ url: `sqlite:${join(directory, 'store.db')}`, clock })
  await store.migrate()
  await store.ownerBook.createOwner('acme', NO_RULES)
  let calls = 0
  let wasted = 0
  const counted = countCalls(store, () => {
    calls += 1
  })
  const refusals = createRefusalMemory<KnownKey>({ clock, maxEntries: 10_000 })
  const keyDirectory = createKeyDirectory({
    store: counted.keyStore,
    clock,
    options: {
      maxEntries: 200_000,
      maxBytes: 100_000_000,
      positiveTtlMs: 5_000,
      unfedTtlMs: 5_000,
      staleGraceMs: 0,
      absentTtlMs: 1_000,
      lookupTimeoutMs: 5_000,
    },
  })
  const deps: CheckDeps = {
    clock,
    forwardedForDepth: 0,
    shadowMode: false,
    secrets,
    directory: keyDirectory,
    throttle: createSourceThrottle({ clock, perSecond: undefined, maxSources: 1 }),
    ledger: counted.ledger,
    refusals,
    retries: createRetryMemory({
      clock,
      horizonMs: 15_000,
      maxEntries: 65_536,
      onWasted: () => {
        wasted += 1
      },
    }),
    failOpen: createFailOpen({
      ledger: counted.ledger,
      clock,
      burst: 2,
      observer: { admitted: () => {}, settled: () => {} },
    }),
    softLimitPercent: 80,
    credentialHeaders: ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key', 'sec-websocket-protocol'],
    modelHeader: undefined,
  }
  const check = createCheck(deps)
  const newCall = (timeoutMs = 10_000) => createCall(clock.monotonicMs() + timeoutMs)
  return {
    clock,
    store,
    deps,
    wasted: () => wasted,
    storeCalls() {
      const since = calls
      calls = 0
      return since
    },
    async createKey(draft = {}) {
      const secret = secrets.mint()
      const [key] = await store.keyBook.createKeys([
        { ...PLAIN, ...draft, digest: digestSecret(secret), hint: hintOf(secret) },
      ])
      if (key === undefined) throw new Error('no key was created')
      return { id: key.id, secret }
    },
    async ask(parts, call = newCall()) {
      return { decision: await check(toAuthRequest(aCheckRequest(parts)), call), call }
    },
    newCall,
    forgetEverything() {
      keyDirectory.apply({ kind: 'everything' })
      refusals.clear()
    },
    async close() {
      await store.close()
      await rm(directory, { recursive: true })
    },
  }
}

const PLAIN = {
  name: 'test',
  ownerPath: 'acme',
  notBeforeMs: undefined,
  expiresAtMs: undefined,
  rules: NO_RULES,
  limits: [],
}

const countCalls = ({ keyStore, ledger }: Store, count: () => void): Pick<Store, 'keyStore' | 'ledger'> => ({
  keyStore: {
    find(...asked) {
      count()
      return keyStore.find(...asked)
    },
    findAll(...asked) {
      count()
      return keyStore.findAll(...asked)
    },
  },
  ledger: {
    charge(...asked) {
      count()
      return ledger.charge(...asked)
    },
    peek(...asked) {
      count()
      return ledger.peek(...asked)
    },
  },
})
