// Digest to key: a bounded cache in front of one look-up, with single flight, known-absent entries and a generation guard.
import { LRUCache } from 'lru-cache'
import type { Call } from '../kernel/call.ts'
import { assertAwaited, createCall, withinDeadline } from '../kernel/call.ts'
import type { Clock } from '../kernel/clock.ts'
import { digestName } from '../kernel/digest-name.ts'
import { Failure } from '../kernel/failure.ts'
import type { Soon } from '../kernel/soon.ts'
import type { Registry } from '../policy/registry.ts'
import type { Change } from './change-feed.ts'
import type { KeyCacheOptions, KeyEntry } from './key-cache.ts'
import { createKeyCache } from './key-cache.ts'
import type { KeyLookup, KeyStore } from './key-store.ts'
import { createKnownRegistry } from './known-registry.ts'
import { createLookUpsUnderWay } from './look-ups-under-way.ts'
import type { VirtualKey } from './virtual-key.ts'

/** `key` undefined: proven absent. `registry` is the newest that this process has seen. */
export type Found = Readonly<{ key: VirtualKey | undefined; registry: Registry }>

export type KeyDirectory = Readonly<{
  /** At most one look-up, none and at once when cached. Rejects with Failure when it cannot know. */
  find(digest: Uint8Array, call: Call): Soon<Found>
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

export type KeyDirectoryOptions = KeyCacheOptions &
  Readonly<{
    /** The same while it does not: nobody would tell of a revocation. */
    unfedTtlMs: number
    /** How long a key is served without being asked when the store cannot be, counted from when it was last known to be right. */
    staleGraceMs: number
    /** How long one look-up may take, whoever waits for it. */
    lookupTimeoutMs: number
  }>

const REFUSED_DROP_INTERVAL_MS = 1_000
/** A look-up takes a millisecond or two; who may be served without it waits no longer than this. */
const STALE_AFTER_MS = 250
/** For this long after a store did not answer nobody waits for it who may be served without it. */
const TROUBLED_MS = 500

const refuseThrottled = async (call: Call): Promise<never> => {
  call.cache = 'throttled'
  throw new Failure('overloaded', 'its source asked for too many keys that nobody made')
}

export const createKeyDirectory = (deps: {
  store: KeyStore
  clock: Clock
  /** Milliseconds since when every change is known here; without a feed nothing is. */
  feedStalenessMs?: (nowMs: number) => number
  /** Number of the last change that was applied here. */
  feedPosition?: () => number | undefined
  options: KeyDirectoryOptions
}): KeyDirectory => {
  const { store, clock, options, feedStalenessMs = () => Number.POSITIVE_INFINITY, feedPosition } = deps
  const entries = createKeyCache(options)
  let troubledMs = Number.NEGATIVE_INFINITY
  const droppedLately = new LRUCache<string, true>({
    max: options.maxEntries,
    ttl: REFUSED_DROP_INTERVAL_MS,
    ttlResolution: 0,
    perf: { now: clock.monotonicMs },
  })
  const flights = new Map<string, Promise<Found>>()
  const underWay = createLookUpsUnderWay()
  let generation = 0
  const registry = createKnownRegistry()

  const forget = (name: string) => {
    generation += 1
    entries.delete(name)
    flights.delete(name)
  }

  const lookUp = async (name: string, digest: Uint8Array, call: Call): Promise<Found> => {
    const begun = generation
    const knownChange = feedPosition?.() ?? 0
    const askedMs = clock.monotonicMs()
    const lookingUp = underWay.begin()
    const lookup = registry.beginLookup()
    // Shared by all who wait for this key, so it lives by its own deadline, not by the first caller's.
    const own = createCall(clock.monotonicMs() + options.lookupTimeoutMs)
    let reply: KeyLookup
    try {
      reply = await store.find(digest, registry.newest()?.version ?? -1, own)
    } finally {
      call.storeReads += own.storeReads
      lookingUp.end()
    }
    // A node of a cluster may lag behind the one that told of the change, and would bring back what it undid.
    if (reply.changeNumber < knownChange)
      throw new Failure('store_unavailable', 'the database showed a state older than one it has shown before')
    const current = registry.learn(reply, lookup)
    // A slow reply would admit long after its key was revoked.
    if (lookingUp.isOvertaken(reply.key)) return flights.get(name) ?? startFlight(name, digest, call)
    // What was dropped meanwhile must not come back by an answer that is older than the drop.
    if (generation === begun) {
      if (reply.key === undefined) entries.setAbsent(name, askedMs)
      else entries.set(name, { key: reply.key, askedMs })
    }
    return { key: reply.key, registry: current }
  }

  /** How old what is known of an entry may be, at worst: since it was asked, or since the feed last told of all changes. */
  const ageMs = ({ askedMs }: KeyEntry, nowMs: number): number =>
    Math.min(nowMs - askedMs, feedStalenessMs(nowMs))

  const startFlight = (name: string, digest: Uint8Array, call: Call): Promise<Found> => {
    if (!call.mayLookUp) return refuseThrottled(call)
    const flight = lookUp(name, digest, call).finally(() => {
      if (flights.get(name) === flight) flights.delete(name)
    })
    flights.set(name, flight)
    return flight
  }

  /** The store is asked first, for a moment; while it cannot answer, what was right lately is as good as it gets. */
  const orStale = async (looking: Promise<Found>, name: string, call: Call): Promise<Found> => {
    const impatient = createCall(Math.min(call.deadlineMs, clock.monotonicMs() + STALE_AFTER_MS))
    // Whoever waits no longer leaves the look-up to the others.
    looking.catch(() => {})
    const troubled = clock.monotonicMs() - troubledMs < TROUBLED_MS
    try {
      return await withinDeadline(looking, troubled ? createCall(0) : impatient, clock)
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      // Who did not wait has learned nothing of the store: else the trouble would last as long as somebody asks.
      if (!troubled && error.reason !== 'overloaded') troubledMs = clock.monotonicMs()
      // It may have been dropped meanwhile: the feed may be back before the look-ups are.
      const entry = entries.get(name, clock.monotonicMs())
      const newest = registry.newest()
      if (entry === undefined || entry === 'absent' || newest === undefined)
        return withinDeadline(looking, call, clock)
      call.cache = 'stale'
      return { key: entry.key, registry: newest }
    }
  }

  return {
    find(digest, call) {
      const name = digestName(digest)
      const nowMs = clock.monotonicMs()
      const entry = entries.get(name, nowMs)
      const current = registry.current()
      if (entry === 'absent' && current !== undefined) {
        call.cache = 'absent'
        return { key: undefined, registry: current }
      }
      const held = entry === 'absent' ? undefined : entry
      if (held !== undefined && current !== undefined && ageMs(held, nowMs) < options.unfedTtlMs) {
        call.cache = 'hit'
        return { key: held.key, registry: current }
      }
      const flight = flights.get(name)
      call.cache = flight === undefined ? 'miss' : 'joined'
      // Who is gone already is looked up for nobody.
      if (flight === undefined) assertAwaited(call, clock)
      const looking = flight ?? startFlight(name, digest, call)
      if (held === undefined || ageMs(held, nowMs) >= options.staleGraceMs)
        return withinDeadline(looking, call, clock)
      return orStale(looking, name, call)
    },
    registry: registry.newest,
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
      underWay.changed(change)
      if (change.kind === 'everything') entries.clear()
      else if (change.kind === 'registry') registry.changed()
      else if (change.kind === 'new_keys') entries.deleteAbsent()
      else entries.deleteHeldBy(change.id)
    },
    size: entries.size,
  }
}
