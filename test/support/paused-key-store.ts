// A key store whose replies come when the test says so, for interleavings that no real store can be made to repeat.
import type { Call } from '../../src/kernel/call.ts'
import type { KeyLookup, KeyStore } from '../../src/keys/key-store.ts'
import type { VirtualKey } from '../../src/keys/virtual-key.ts'
import type { RegistryDocument } from '../../src/policy/registry.ts'

export type PausedKeyStore = KeyStore &
  Readonly<{
    /** Look-ups that wait for a reply, oldest first. */
    waiting: { reply(key: VirtualKey | undefined, changeNumber?: number): void; fail(error: Error): void }[]
    lookups(): number
    /** What the next look-ups are told of the registry. */
    setRegistry(version: number, document: RegistryDocument): void
  }>

export const createPausedKeyStore = (): PausedKeyStore => {
  const waiting: PausedKeyStore['waiting'] = []
  let count = 0
  let version = 1
  let document: RegistryDocument = { policies: [], guardrails: [], models: [] }
  return {
    waiting,
    lookups: () => count,
    setRegistry(newVersion, newDocument) {
      version = newVersion
      document = newDocument
    },
    find(_digest: Uint8Array, knownRegistryVersion: number, call: Call) {
      count += 1
      call.storeReads += 1
      const seen = {
        registryVersion: version,
        registry: knownRegistryVersion === version ? undefined : document,
      }
      const pending = Promise.withResolvers<KeyLookup>()
      waiting.push({
        reply: (key, changeNumber = 0) => pending.resolve({ key, changeNumber, ...seen }),
        fail: (error) => pending.reject(error),
      })
      return pending.promise
    },
  }
}
