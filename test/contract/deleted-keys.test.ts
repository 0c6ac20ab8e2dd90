// What was revoked stays so once its owner is deleted: its secret is nobody's from then on, and never a key's again.
import { expect, test } from 'vitest'
import type { NewKey, TestStore } from '../support/stores.ts'
import { aDraft, aRotation, createKey, describeEveryStore, NOON, wantedKey } from '../support/stores.ts'

const MINUTE_MS = 60_000

const deleteOne = ({ store }: TestStore, path: string) => store.ownerBook.deleteOwner(path)

const prune = async ({ store }: TestStore, path: string) => {
  const { owners } = await store.stateBook.readState()
  const kept = owners.filter((owner) => owner.path !== path)
  const declared = { guardrails: undefined, policies: undefined, models: undefined, owners: kept }
  await store.stateBook.applyState(declared, { prune: true, dryRun: false })
}

const WAYS = [
  { way: 'deleted', remove: deleteOne },
  { way: 'pruned', remove: prune },
] as const

describeEveryStore('keys of an owner that is gone', (get) => {
  const book = () => get().store.keyBook

  /** Revoked during the grace of a rotation: both secrets were live. */
  const aGoneKey = async (
    path: string,
    remove: typeof prune,
  ): Promise<Pick<NewKey, 'id'> & { digests: readonly Uint8Array[] }> => {
    const { id, digest } = await createKey(get(), { ownerPath: path })
    const rotation = aRotation({ graceMs: MINUTE_MS })
    await book().rotateKey(id, rotation)
    await book().revokeKey(id)
    await remove(get(), path)
    await expect(get().store.ownerBook.getOwner(path)).rejects.toMatchObject({ code: 'not_found' })
    return { id, digests: [digest, rotation.digest] }
  }

  for (const { way, remove } of WAYS) {
    test(`no import restores a revoked key whose owner was ${way}, nor does a new key or a rotation`, async () => {
      const path = `${way}-import`
      const { id, digests } = await aGoneKey(path, remove)
      const drafts = digests.map((digest) => aDraft({ ownerPath: path, digest }))
      await expect(book().importKeys(drafts, { createOwners: true, dryRun: false })).rejects.toMatchObject({
        faults: [0, 1].map((index) => ({
          index,
          sentence: `its secret was of key ${id}, which was revoked and deleted: no import restores it`,
        })),
      })
      const other = await createKey(get(), { ownerPath: path })
      for (const [index, digest] of digests.entries()) {
        const draft = drafts.slice(index, index + 1)
        await expect(book().createKeys(draft)).rejects.toMatchObject({ code: 'conflict' })
        const rotating = book().rotateKey(other.id, aRotation({ digest }))
        await expect(rotating).rejects.toMatchObject({ code: 'conflict' })
      }
    })

    test(`a secret whose owner was ${way} finds nothing, alone and among others`, async () => {
      const { id, digests } = await aGoneKey(`${way}-find`, remove)
      const other = await createKey(get(), { ownerPath: 'beside' })
      const { keyStore } = get().store
      for (const digest of digests) {
        expect((await keyStore.find(digest, -1, get().newCall())).key).toBeUndefined()
        expect(await book().findKeyByDigest(digest)).toBeUndefined()
      }
      const wanted = [...digests, other.digest].map(wantedKey)
      expect(await keyStore.findAll(wanted, -1, get().newCall())).toMatchObject([
        { key: undefined },
        { key: undefined },
        { key: { id: other.id } },
      ])
      await expect(book().digestOfKey(id)).rejects.toMatchObject({ code: 'not_found' })
      await expect(book().secretsOf(id)).rejects.toMatchObject({ code: 'not_found' })
      expect(await book().listExpiring({ untilMs: NOON + 2 * MINUTE_MS })).toEqual([])
    })
  }
})
