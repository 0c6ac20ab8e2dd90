// A key store whose replies come when the test says so, for interleavings that no real store can be made to repeat.
import type { Call } from '../../src/kernel/call.ts'
import type { GroupKeyStore, KeyLookup } from '../../src/keys/key-store.ts'
import type { VirtualKey } from '../../src/keys/virtual-key.ts'
import type { RegistryDocument } from '../../src/policy/registry.ts'

export type PausedKeyStore = GroupKeyStore &
  Readonly<{
    /** Statements that wait for a reply, oldest first. */
    waiting: PausedLookUp[]
    /** Statements, of however many keys. */
    lookups(): number
    /** What the next look-ups are told of the registry. */
    setRegistry(version: number, document: RegistryDocument): void
  }>

type PausedLookUp = Readonly<{
  digests: readonly Uint8Array[]
  knownRegistryVersion: number
  call: Call
  /** The same for each of its keys. */
  reply(key: VirtualKey | undefined, changeNumber?: number): void
  /** To each what is made of its digest. */
  replyEach(answer: (digest: Uint8Array) => VirtualKey | Error | undefined): void
  fail(error: Error): void
}>

export const createPausedKeyStore = (): PausedKeyStore => {
  const waiting: PausedKeyStore['waiting'] = []
  let count = 0
  let version = 1
  let document: RegistryDocument = { policies: [], guardrails: [], models: [] }
  const ask = (digests: readonly Uint8Array[], knownRegistryVersion: number, call: Call) => {
    count += 1
    call.storeReads += 1
    const seen = {
      registryVersion: version,
      registry: knownRegistryVersion === version ? undefined : document,
    }
    const pending = Promise.withResolvers<readonly (KeyLookup | Error)[]>()
    const replyEach = (answer: (digest: Uint8Array) => VirtualKey | Error | undefined, changeNumber = 0) =>
      pending.resolve(
        digests.map((digest) => {
          const key = answer(digest)
          return key instanceof Error ? key : { key, changeNumber, ...seen }
        }),
      )
    waiting.push({
      digests,
      knownRegistryVersion,
      call,
      reply: (key, changeNumber) => replyEach(() => key, changeNumber),
      replyEach,
      fail: pending.reject,
    })
    return pending.promise
  }
  return {
    waiting,
    lookups: () => count,
    setRegistry(newVersion, newDocument) {
      version = newVersion
      document = newDocument
    },
    async find(digest, knownRegistryVersion, call) {
      const [answer] = await ask([digest], knownRegistryVersion, call)
      if (answer instanceof Error) throw answer
      if (answer === undefined) throw new Error('nothing was answered')
      return answer
    },
    findAll: (wanted, knownRegistryVersion, call) =>
      ask(
        wanted.map(({ digest }) => digest),
        knownRegistryVersion,
        call,
      ),
  }
}
