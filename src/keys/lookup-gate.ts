// In front of the store's look-ups: a few at once, who comes together is looked up together, and nobody waits for a store that does not answer.
import { AsyncResource } from 'node:async_hooks'
import type { Call } from '../kernel/call.ts'
import { createCall } from '../kernel/call.ts'
import type { Clock } from '../kernel/clock.ts'
import { Failure } from '../kernel/failure.ts'
import type { GroupKeyStore, KeyLookup, KeyStore, WantedKey } from './key-store.ts'
import { MOST_KEYS_TOGETHER } from './key-store.ts'
import type { StoreCircuit } from './store-circuit.ts'

export type LookupRefusal = 'busy' | 'queue_full' | 'waited_too_long' | 'circuit_open'

export type LookupGate = KeyStore &
  Readonly<{
    inFlight(): number
    waiting(): number
  }>

export type LookupGateDeps = Readonly<{
  store: GroupKeyStore
  clock: Clock
  circuit: StoreCircuit
  /** False while the process has more to do than it should begin: then nothing is looked up, and cached keys are served. */
  mayLookUp: () => boolean
  /** A look-up that was not made. */
  refused: (why: LookupRefusal) => void
  /** Statements at once. */
  maxLookups: number
}>

/** For each look-up at once. At a millisecond or two for each, even one by one the last in the queue is served before Envoy's 200 ms are over. */
const WAITING_PER_LOOKUP = 64
/** Of a slow store; whoever asked has been told by then, as a rule. */
const LONGEST_WAIT_MS = 1_000
/** A look-up takes a millisecond or two. Two round trips of half a second each still get their answer. */
const LONGEST_LOOKUP_MS = 1_500

type Waiter = WantedKey &
  Readonly<{
    knownRegistryVersion: number
    call: Call
    timer: NodeJS.Timeout
    settle: (found: KeyLookup) => void
    fail: (error: unknown) => void
  }>

/** First come, first served. Throws Failure: overloaded, or store_unavailable at once while the circuit is open. */
export const createLookupGate = (deps: LookupGateDeps): LookupGate => {
  const { store, clock, circuit, maxLookups } = deps
  /** A set keeps the order of arrival, and lets one leave from the middle at no cost. */
  const waiting = new Set<Waiter>()
  let inFlight = 0
  let setsOut = false

  const refuse = (why: LookupRefusal): Failure => {
    deps.refused(why)
    return new Failure(why === 'circuit_open' ? 'store_unavailable' : 'overloaded', WORDS[why])
  }

  const leaveQueue = (waiter: Waiter): void => {
    clearTimeout(waiter.timer)
    waiting.delete(waiter)
  }

  const dismiss = (waiter: Waiter, error: Failure): void => {
    leaveQueue(waiter)
    waiter.fail(error)
  }

  const turn = (digest: Uint8Array, knownRegistryVersion: number, call: Call): Promise<KeyLookup> => {
    const { promise, resolve: settle, reject: fail } = Promise.withResolvers<KeyLookup>()
    const patienceMs = Math.min(LONGEST_WAIT_MS, Math.max(0, call.deadlineMs - clock.monotonicMs()))
    const timer = setTimeout(() => dismiss(waiter, refuse('waited_too_long')), patienceMs)
    // A snapshot of AsyncLocalStorage does the same with twenty times the garbage.
    const asker = new AsyncResource('LookUp')
    const within = <T>(work: () => T): T => asker.runInAsyncScope(work)
    const waiter: Waiter = { digest, knownRegistryVersion, call, timer, within, settle, fail }
    waiting.add(waiter)
    if (!setsOut && inFlight < maxLookups) {
      setsOut = true
      // All that is asked in this turn of the loop goes together: nobody hears of it later, for the reply comes in another turn.
      setImmediate(setOut)
    }
    return promise
  }

  const setOut = (): void => {
    setsOut = false
    while (inFlight < maxLookups && waiting.size > 0) {
      inFlight += 1
      passOn()
    }
  }

  /** Those who wait longest, without those who would not be there for the answer. */
  const nextGroup = (): readonly Waiter[] => {
    const group: Waiter[] = []
    for (const waiter of waiting) {
      if (group.length === MOST_KEYS_TOGETHER) break
      if (waiter.call.cancelled) dismiss(waiter, new Failure('deadline_exceeded', 'the caller left'))
      else if (clock.monotonicMs() >= waiter.call.deadlineMs) dismiss(waiter, refuse('waited_too_long'))
      else {
        leaveQueue(waiter)
        group.push(waiter)
      }
    }
    return group
  }

  /** A free place goes to who waits, without being free in between: all of them are looked up in one statement. */
  const passOn = (): void => {
    const group = nextGroup()
    const [first] = group
    if (first === undefined) inFlight -= 1
    else void first.within(() => askTogether(group, first))
  }

  const askTogether = async (group: readonly Waiter[], first: Waiter): Promise<void> => {
    const known = first.knownRegistryVersion
    // Who knew another one may get it once more.
    const version = group.every(({ knownRegistryVersion }) => knownRegistryVersion === known) ? known : -1
    try {
      const found = await ask(
        group.map(({ call }) => call),
        async (own) =>
          group.length === 1
            ? [await store.find(first.digest, version, own)]
            : store.findAll(group, version, own),
      )
      for (const [at, waiter] of group.entries()) {
        const answer = found[at] ?? new Error('the store has not answered for all keys')
        if (answer instanceof Error) waiter.fail(answer)
        else waiter.settle(answer)
      }
    } catch (error) {
      for (const waiter of group) waiter.fail(error)
    }
  }

  const ask = async <T>(calls: readonly Call[], statement: (own: Call) => Promise<T>): Promise<T> => {
    const wantedUntilMs = Math.max(...calls.map(({ deadlineMs }) => deadlineMs))
    const own = createCall(Math.min(wantedUntilMs, clock.monotonicMs() + LONGEST_LOOKUP_MS))
    try {
      const found = await statement(own)
      circuit.answered()
      return found
    } catch (error) {
      // What is no Failure is our bug, and says nothing of the store.
      if (error instanceof Failure && error.reason !== 'overloaded') circuit.failed()
      if (circuit.isOpen()) for (const waiter of waiting) dismiss(waiter, refuse('circuit_open'))
      throw error
    } finally {
      for (const call of calls) call.storeReads += own.storeReads
      passOn()
    }
  }

  return {
    find: async (digest, knownRegistryVersion, call) => {
      if (!deps.mayLookUp()) throw refuse('busy')
      if (waiting.size >= maxLookups * WAITING_PER_LOOKUP) throw refuse('queue_full')
      if (!circuit.mayAsk()) throw refuse('circuit_open')
      return turn(digest, knownRegistryVersion, call)
    },
    inFlight: () => inFlight,
    waiting: () => waiting.size,
  }
}

const WORDS: Readonly<Record<LookupRefusal, string>> = {
  busy: 'too many Checks are in flight to look a key up',
  queue_full: 'too many look-ups wait for the store already',
  waited_too_long: 'a look-up waited too long for its turn',
  circuit_open: 'the store failed several times in a row; it is asked once a second until it answers',
}
