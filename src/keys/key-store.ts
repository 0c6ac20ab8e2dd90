// The port that finds a key: one look-up that brings all a decision needs.
import type { Call } from '../kernel/call.ts'
import type { RegistryDocument } from '../policy/registry.ts'
import type { VirtualKey } from './virtual-key.ts'

export type KeyLookup = Readonly<{
  /** undefined: proven absent. */
  key: VirtualKey | undefined
  /** Number of the last change that the look-up saw: all of it is of that instant. */
  changeNumber: number
  registryVersion: number
  /** Present when the store's version differs from the one the caller named. */
  registry: RegistryDocument | undefined
}>

export type KeyStore = Readonly<{
  /**
   * `digest` is the SHA-256 of the whole secret. One statement, counted once in call.storeReads. Also brings the registry
   * when its version differs from `knownRegistryVersion` (-1: none known). Throws Failure when it cannot know.
   */
  find(digest: Uint8Array, knownRegistryVersion: number, call: Call): Promise<KeyLookup>
}>
