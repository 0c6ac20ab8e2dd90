// One replica between a store and a feed that answer when they are told to: whatever may happen around a revocation, step by step.
import { setImmediate as turn } from 'node:timers/promises'
import { createCheck } from '../../src/check/check.ts'
import type { KnownKey } from '../../src/check/usable-key.ts'
import { createCall } from '../../src/kernel/call.ts'
import { Failure } from '../../src/kernel/failure.ts'
import type { ChangePosition, NumberedChange } from '../../src/keys/change-feed.ts'
import { createChangeFeed } from '../../src/keys/change-feed.ts'
import type { KeyDirectoryOptions } from '../../src/keys/key-directory.ts'
import { createKeyDirectory } from '../../src/keys/key-directory.ts'
import type { KeyLookup } from '../../src/keys/key-store.ts'
import { createSecrets, DEFAULT_SECRET_FORMATS } from '../../src/keys/secret.ts'
import { createSourceThrottle } from '../../src/keys/source-throttle.ts'
import { createFailOpen } from '../../src/quota/fail-open.ts'
import type { QuotaLedger } from '../../src/quota/quota-ledger.ts'
import { createRefusalMemory } from '../../src/quota/refusal-memory.ts'
import { createRetryMemory } from '../../src/quota/retry-memory.ts'
import { aCheckRequest } from './check-requests.ts'
import { toAuthRequest } from './decoded-check.ts'
import { createManualClock } from './manual-clock.ts'
import { aKey, anOwner } from './virtual-keys.ts'

/** What is done to the key: each is told in another way. */
export const REVOCATIONS = ['the key is revoked', 'its owner is disabled', 'its change is lost'] as const
export type Revocation = (typeof REVOCATIONS)[number]

/** What a Check came to. `unknown`: 503, because the store did not answer. */
export type Answer = 'admitted' | 'refused' | 'unknown'

export type RevocationWorld = ReturnType<typeof createRevocationWorld>

export const WORLD_OPTIONS: KeyDirectoryOptions = {
  maxEntries: 10,
  maxBytes: 1_000_000,
  positiveTtlMs: 600_000,
  unfedTtlMs: 5_000,
  staleGraceMs: 60_000,
  absentTtlMs: 1_000,
  lookupTimeoutMs: 10_000,
}

/** An uncharged key that is good until `commit`. Answers at once unless something is held. */
export const createRevocationWorld = (revocation: Revocation, options: Partial<KeyDirectoryOptions> = {}) => {
  const clock = createManualClock()
  const rows: NumberedChange[] = []
  let last: ChangePosition = { number: 0, token: 0 }
  let revoked = false
  let holding = false
  let reachable = true
  let fed = true
  let lookups = 0
  let heldLookup: { seen: KeyLookup | undefined; answer: PromiseWithResolvers<KeyLookup> } | undefined
  let heldPoll: PromiseWithResolvers<void> | undefined
  const answers: Answer[] = []

  const snapshot = (): KeyLookup => ({
    key: aKey(
      revocation === 'its owner is disabled' ? { owners: [anOwner({ disabled: revoked })] } : { revoked },
    ),
    changeNumber: last.number,
    registryVersion: 1,
    registry: { policies: [], guardrails: [], models: [] },
  })
  const directory = createKeyDirectory({
    store: {
      find: async () => {
        lookups += 1
        if (!reachable) throw new Failure('store_unavailable', 'down')
        if (!holding) return snapshot()
        heldLookup = { seen: undefined, answer: Promise.withResolvers() }
        return heldLookup.answer.promise
      },
    },
    clock,
    feedStalenessMs: () => feed.stalenessMs(),
    options: { ...WORLD_OPTIONS, ...options },
  })
  const refusals = createRefusalMemory<KnownKey>({ clock, maxEntries: 10 })
  const feed = createChangeFeed({
    source: {
      last: async () => {
        if (!fed) throw new Failure('store_unavailable', 'down')
        const seen = last
        await heldPoll?.promise
        return seen
      },
      changesFrom: async (number, limit) => rows.filter((row) => row.number >= number).slice(0, limit),
    },
    clock,
    apply: (change) => {
      directory.apply(change)
      refusals.clear()
    },
  })
  const check = createCheck({
    clock,
    forwardedForDepth: 0,
    shadowMode: false,
    secrets,
    directory,
    throttle: createSourceThrottle({ clock, perSecond: undefined, maxSources: 1 }),
    ledger: NOTHING_TO_CHARGE,
    refusals,
    retries: createRetryMemory({ clock, horizonMs: 15_000, maxEntries: 10, onWasted: () => {} }),
    failOpen: createFailOpen({
      ledger: NOTHING_TO_CHARGE,
      clock,
      burst: 0,
      observer: { admitted: () => {}, settled: () => {} },
    }),
    softLimitPercent: 80,
    credentialHeaders: ['authorization'],
    modelHeader: undefined,
  })

  const ask = async (): Promise<Answer> => {
    requests += 1
    const request = toAuthRequest(aCheckRequest({ id: `request-${requests}`, headers: HEADERS }))
    try {
      const decision = await check(request, createCall(clock.monotonicMs() + 10_000))
      return decision.outcome === 'allow' ? 'admitted' : 'refused'
    } catch (error) {
      if (error instanceof Failure) return 'unknown'
      throw error
    }
  }
  return {
    clock,
    feed,
    lookups: () => lookups,
    /** Answers since this was asked last, of those Checks that nobody waits for. */
    answers: () => answers.splice(0),
    /** A Check and its answer. */
    ask,
    /** A Check that nobody waits for; whatever it looks up has to be told. */
    begin: async (how: 'held' | 'free') => {
      holding = how === 'held'
      void ask().then((answer) => answers.push(answer))
      await turn()
      holding = false
    },
    /** The held look-up reads what is there now. */
    read: () => {
      if (heldLookup !== undefined) heldLookup.seen = snapshot()
    },
    /** The held look-up comes back with what it read, or with nothing. */
    reply: async (how: 'read' | 'lost' = 'read') => {
      const { seen, answer } = heldLookup ?? {}
      heldLookup = undefined
      if (how === 'lost') answer?.reject(new Failure('store_unavailable', 'cut'))
      else if (seen !== undefined) answer?.resolve(seen)
      await turn()
    },
    commit: () => {
      revoked = true
      last = { number: last.number + 1, token: last.number + 100 }
      if (revocation === 'the key is revoked') rows.push({ ...last, change: { kind: 'key', id: 'key_1' } })
      if (revocation === 'its owner is disabled')
        rows.push({ ...last, change: { kind: 'owner', id: 'own_1' } })
    },
    /** Begins a poll: it has read where the feed ends, and hears of it when told. Resolves when the poll is done. */
    beginPoll: () => {
      const held = Promise.withResolvers<void>()
      heldPoll = held
      const polled = feed.poll()
      heldPoll = undefined
      return async () => {
        held.resolve()
        await polled
      }
    },
    setReachable: (store: boolean, changes = store) => {
      reachable = store
      fed = changes
    },
  }
}

const secrets = createSecrets(DEFAULT_SECRET_FORMATS)
const HEADERS = [['authorization', `Bearer ${secrets.mint()}`]] as const
let requests = 0

const nothingToCharge = () => Promise.reject(new Error('a key without limits is never charged'))
const NOTHING_TO_CHARGE: QuotaLedger = { charge: nothingToCharge, peek: nothingToCharge }
