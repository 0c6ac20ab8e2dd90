// A look-up gate in front of a store that answers when it is told to.
import { expect } from 'vitest'
import { createCall } from '../../src/kernel/call.ts'
import { Failure } from '../../src/kernel/failure.ts'
import type { LookupRefusal } from '../../src/keys/lookup-gate.ts'
import { createLookupGate } from '../../src/keys/lookup-gate.ts'
import { createStoreCircuit } from '../../src/keys/store-circuit.ts'
import { createManualClock } from './manual-clock.ts'
import { createPausedKeyStore } from './paused-key-store.ts'
import { aDigest } from './stores.ts'

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
  const next = () => {
    const lookup = store.waiting.shift()
    if (lookup === undefined) throw new Error('the store was not asked')
    return lookup
  }
  const failOnce = async () => {
    const asked = find()
    store.waiting.shift()?.fail(new Failure('store_unavailable', 'down'))
    await expect(asked).rejects.toMatchObject({ message: 'down' })
  }
  return { clock, store, circuit, gate, refusals, load, call, find, next, failOnce }
}
