// A look-up gate in front of a store that answers when it is told to.
import { expect } from 'vitest'
import { createCall } from '../../src/kernel/call.ts'
import { Failure } from '../../src/kernel/failure.ts'
import type { KeyLookup } from '../../src/keys/key-store.ts'
import type { LookupRefusal } from '../../src/keys/lookup-gate.ts'
import { createLookupGate } from '../../src/keys/lookup-gate.ts'
import { createStoreCircuit } from '../../src/keys/store-circuit.ts'
import type { VirtualKey } from '../../src/keys/virtual-key.ts'
import { turn } from './loop-turns.ts'
import { createManualClock } from './manual-clock.ts'
import { createPausedKeyStore } from './paused-key-store.ts'
import { aDigest } from './stores.ts'
import { until } from './until.ts'

export const createGateRig = (maxLookups = 4) => {
  const clock = createManualClock()
  const store = createPausedKeyStore()
  const refusals: LookupRefusal[] = []
  const load = { mayLookUp: true }
  const circuit = createStoreCircuit({ clock })
  const gate = createLookupGate({
    store,
    clock,
    circuit,
    mayLookUp: () => load.mayLookUp,
    refused: (why) => refusals.push(why),
    maxLookups,
  })
  const call = () => createCall(clock.monotonicMs() + 10_000)
  const find = (with_ = call(), digest = aDigest(), known = -1) => gate.find(digest, known, with_)
  /** The statement that has waited longest for its reply. */
  const next = async () => {
    await until(() => store.waiting.length > 0)
    const lookup = store.waiting.shift()
    if (lookup === undefined) throw new Error('the store was not asked')
    return lookup
  }
  const replyNext = async (key?: VirtualKey) => {
    const lookup = await next()
    lookup.reply(key)
  }
  const failNext = async (error: Error) => {
    const lookup = await next()
    lookup.fail(error)
  }
  /** So many under way, each asked in a turn of its own and therefore alone. */
  const fill = async (count: number): Promise<readonly Promise<KeyLookup>[]> => {
    const asked: Promise<KeyLookup>[] = []
    for (let each = 0; each < count; each += 1) {
      asked.push(find())
      await turn()
    }
    return asked
  }
  const failOnce = async () => {
    const asked = find()
    const failed = expect(asked).rejects.toMatchObject({ message: 'down' })
    await failNext(new Failure('store_unavailable', 'down'))
    await failed
  }
  return {
    clock,
    store,
    circuit,
    gate,
    refusals,
    load,
    call,
    find,
    next,
    replyNext,
    failNext,
    fill,
    failOnce,
  }
}
