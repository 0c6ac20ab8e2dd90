// The port that finds keys: one look-up that brings all a decision needs, of one key or of several.
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

/** One key of several; `within` runs something as whoever asked for it, so that a trace can tell who did. */
export type WantedKey = Readonly<{ digest: Uint8Array; within: <T>(work: () => T) => T }>

/** Of 68 keys at once each took 32 to 35 µs of this process with 16 in a statement, 32 to 47 with 32 (MariaDB 10.11, two cores that others used). */
export const MOST_KEYS_TOGETHER = 16

export type GroupKeyStore = KeyStore &
  Readonly<{
    /**
     * The same for 1 to MOST_KEYS_TOGETHER keys, answered in their order, and counted in call.storeReads as one. An Error stands
     * for a key whose row says what this program does not understand: the others are none the worse.
     */
    findAll(
      wanted: readonly WantedKey[],
      knownRegistryVersion: number,
      call: Call,
    ): Promise<readonly (KeyLookup | Error)[]>
  }>
