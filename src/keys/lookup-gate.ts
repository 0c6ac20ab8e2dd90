// In front of the store's look-ups: a few at once, a short queue, and nobody waits for a store that does not answer.
import type { Call } from '../kernel/call.ts'
import { createCall } from '../kernel/call.ts'
import type { Clock } from '../kernel/clock.ts'
import { Failure } from '../kernel/failure.ts'
import type { KeyLookup, KeyStore } from './key-store.ts'
import type { StoreCircuit } from './store-circuit.ts'

export type LookupRefusal = 'busy' | 'queue_full' | 'waited_too_long' | 'circuit_open'

export type LookupGate = KeyStore &
  Readonly<{
    inFlight(): number
    waiting(): number
  }>

export type LookupGateDeps = Readonly<{
  store: KeyStore
  clock: Clock
  circuit: StoreCircuit
  /** False while the process has more to do than it should begin: then nothing is looked up, and cached keys are served. */
  mayLookUp: () => boolean
  /** A look-up that was not made. */
  refused: (why: LookupRefusal) => void
  /** Look-ups at once. */
  maxLookups: number
}>

/** For each look-up at once. At a millisecond or two for each, the last in the queue is served before Envoy's 200 ms are over. */
const WAITING_PER_LOOKUP = 64
/** Of a slow store; whoever asked has been told by then, as a rule. */
const LONGEST_WAIT_MS = 1_000
/** A look-up takes a millisecond or two. Two round trips of half a second each still get their answer. */
const LONGEST_LOOKUP_MS = 1_500

type Waiter = Readonly<{ timer: NodeJS.Timeout; go: () => void; fail: (error: Failure) => void }>

/** First come, first served. Throws Failure: overloaded, or store_unavailable at once while the circuit is open. */
export const createLookupGate = (deps: LookupGateDeps): LookupGate => {
  const { store, clock, circuit, maxLookups } = deps
  /** A set keeps the order of arrival, and lets one leave from the middle at no cost. */
  const waiting = new Set<Waiter>()
  let inFlight = 0

  const refuse = (why: LookupRefusal): Failure => {
    deps.refused(why)
    return new Failure(why === 'circuit_open' ? 'store_unavailable' : 'overloaded', WORDS[why])
  }

  const dismiss = (waiter: Waiter, error?: Failure): void => {
    clearTimeout(waiter.timer)
    waiting.delete(waiter)
    if (error === undefined) waiter.go()
    else waiter.fail(error)
  }

  const turn = ({ deadlineMs }: Call): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const patienceMs = Math.min(LONGEST_WAIT_MS, Math.max(0, deadlineMs - clock.monotonicMs()))
    const timer = setTimeout(() => dismiss(waiter, refuse('waited_too_long')), patienceMs)
    const waiter: Waiter = { timer, go: resolve, fail: reject }
    waiting.add(waiter)
    return promise
  }

  /** A free place goes to whoever waits longest, without being free in between. */
  const leave = (): void => {
    const [next] = waiting
    if (next === undefined) inFlight -= 1
    else dismiss(next)
  }

  const ask = async (digest: Uint8Array, version: number, call: Call): Promise<KeyLookup> => {
    const own = createCall(Math.min(call.deadlineMs, clock.monotonicMs() + LONGEST_LOOKUP_MS))
    try {
      const found = await store.find(digest, version, own)
      circuit.answered()
      return found
    } catch (error) {
      // What is no Failure is our bug, and says nothing of the store.
      if (error instanceof Failure && error.reason !== 'overloaded') circuit.failed()
      if (circuit.isOpen()) for (const waiter of waiting) dismiss(waiter, refuse('circuit_open'))
      throw error
    } finally {
      call.storeReads += own.storeReads
      leave()
    }
  }

  return {
    find: async (digest, knownRegistryVersion, call) => {
      if (!deps.mayLookUp()) throw refuse('busy')
      if (inFlight >= maxLookups && waiting.size >= maxLookups * WAITING_PER_LOOKUP)
        throw refuse('queue_full')
      if (!circuit.mayAsk()) throw refuse('circuit_open')
      if (inFlight < maxLookups) inFlight += 1
      else await turn(call)
      return ask(digest, knownRegistryVersion, call)
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
