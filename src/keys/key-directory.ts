// Digest to key: a bounded cache in front of one look-up, with single flight, known-absent entries and a generation guard.
import { LRUCache } from 'lru-cache'
import type { Call } from '../kernel/call.ts'
import { createCall, withinDeadline } from '../kernel/call.ts'
import type { Clock } from '../kernel/clock.ts'
import { digestName } from '../kernel/digest-name.ts'
import type { Registry } from '../policy/registry.ts'
import { createRegistry } from '../policy/registry.ts'
import type { Change } from './key-book.ts'
import type { KeyLookup, KeyStore } from './key-store.ts'
import type { VirtualKey } from './virtual-key.ts'

/** `key` undefined: proven absent. `registry` is the newest that this process has seen. */
export type Found = Readonly<{ key: VirtualKey | undefined; registry: Registry }>

export type KeyDirectory = Readonly<{
  /** At most one look-up, none when cached. Throws Failure when it cannot know. */
  find(digest: Uint8Array, call: Call): Promise<Found>
  /** The newest registry, or undefined before the first look-up. */
  registry(): Registry | undefined
  /** Drop after a refusal for quota, expiry or a disabled key: at most once a second for each key. */
  dropRefused(digest: Uint8Array): void
  /** Drop because what is held is known to be out of date. */
  drop(digest: Uint8Array): void
  /** Drop what a change in this process touched, at once. */
  apply(change: Change): void
  size(): Readonly<{ entries: number; bytes: number }>
}>

export type KeyDirectoryOptions = Readonly<{
  maxEntries: number
  maxBytes: number
  positiveTtlMs: number
  absentTtlMs: number
  /** How long one look-up may take, whoever waits for it. */
  lookupTimeoutMs: number
}>

type Entry = Readonly<{ key: VirtualKey | undefined }>

const REFUSED_DROP_INTERVAL_MS = 1_000

export const createKeyDirectory = (deps: {
  store: KeyStore
  clock: Clock
  options: KeyDirectoryOptions
}): KeyDirectory => {
  const { store, clock, options } = deps
  const perf = { now: clock.monotonicMs }
  const entries = new LRUCache<string, Entry>({
    max: options.maxEntries,
    maxSize: options.maxBytes,
    sizeCalculation: estimateBytes,
    ttlResolution: 0,
    perf,
  })
  const droppedLately = new LRUCache<string, true>({
    max: options.maxEntries,
    ttl: REFUSED_DROP_INTERVAL_MS,
    ttlResolution: 0,
    perf,
  })
  const flights = new Map<string, Promise<Found>>()
  let generation = 0
  let registry: Registry | undefined
  let lookupsStarted = 0
  let registryFromLookup = -1

  const forget = (name: string) => {
    generation += 1
    entries.delete(name)
    flights.delete(name)
  }

  const learnRegistry = ({ registry: document, registryVersion }: KeyLookup, lookup: number): Registry => {
    // Replies may overtake each other: the look-up that began last has seen the newest.
    if (document !== undefined && lookup > registryFromLookup) {
      registry = createRegistry(registryVersion, document)
      registryFromLookup = lookup
    }
    if (registry === undefined) throw new Error('the store told no registry to a caller that had none')
    return registry
  }

  const lookUp = async (name: string, digest: Uint8Array, call: Call): Promise<Found> => {
    const begun = generation
    lookupsStarted += 1
    const lookup = lookupsStarted
    // Shared by all who wait for this key, so it lives by its own deadline, not by the first caller's.
    const own = createCall(clock.monotonicMs() + options.lookupTimeoutMs)
    const reply = await store.find(digest, registry?.version ?? -1, own).finally(() => {
      call.storeReads += own.storeReads
    })
    const current = learnRegistry(reply, lookup)
    // What was dropped meanwhile must not come back by an answer that is older than the drop.
    if (generation === begun)
      entries.set(name, { key: reply.key }, { ttl: reply.key ? options.positiveTtlMs : options.absentTtlMs })
    return { key: reply.key, registry: current }
  }

  const startFlight = (name: string, digest: Uint8Array, call: Call): Promise<Found> => {
    const flight = lookUp(name, digest, call).finally(() => {
      if (flights.get(name) === flight) flights.delete(name)
    })
    flights.set(name, flight)
    return flight
  }

  return {
    async find(digest, call) {
      const name = digestName(digest)
      const entry = entries.get(name)
      if (entry !== undefined && registry !== undefined) {
        call.cache = entry.key === undefined ? 'absent' : 'hit'
        return { key: entry.key, registry }
      }
      const flight = flights.get(name)
      call.cache = flight === undefined ? 'miss' : 'joined'
      return withinDeadline(flight ?? startFlight(name, digest, call), call, clock)
    },
    registry: () => registry,
    dropRefused(digest) {
      const name = digestName(digest)
      if (droppedLately.has(name)) return
      droppedLately.set(name, true)
      forget(name)
    },
    drop: (digest) => forget(digestName(digest)),
    apply(change) {
      generation += 1
      flights.clear()
      if (change.kind === 'everything') return entries.clear()
      // A key that was just created may be held as absent.
      for (const [name, { key }] of entries.entries())
        if (key === undefined || key.id === change.keyId) entries.delete(name)
    },
    size: () => ({ entries: entries.size, bytes: entries.calculatedSize }),
  }
}

const ENTRY_BYTES = 400
const QUOTA_BYTES = 160

/** Roughly what an entry costs: its strings twice over and a sum for each object. */
const estimateBytes = ({ key }: Entry): number => {
  if (key === undefined) return ENTRY_BYTES
  const holders = [key, ...key.owners]
  const quotas = holders.reduce((sum, holder) => sum + holder.quotas.length, 1)
  const words = holders.flatMap(({ rules }) => [
    ...(rules.models ?? []),
    ...rules.deniedModels,
    ...rules.policies,
    ...rules.guardrails,
  ])
  const characters = words.reduce((sum, word) => sum + word.length + 16, key.name.length)
  return ENTRY_BYTES * (1 + holders.length) + quotas * QUOTA_BYTES + 2 * characters
}
