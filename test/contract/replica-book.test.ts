// Who serves, kept in every store; and what becomes of the changes that everybody has long applied.
import { expect, test } from 'vitest'
import { NO_RULES } from '../../src/policy/policy.ts'
import { describeEveryStore, NOON } from '../support/stores.ts'

describeEveryStore('replicas', (get) => {
  const book = () => get().store.replicaBook

  test('a replica is heard of from its first word to its leave, at its last position', async () => {
    const one = { id: 'one', name: 'host/1', position: 3, servesMs: 60_000 }
    await book().confirm(one)
    await book().confirm({ ...one, position: 5 })
    await book().confirm({ ...one, position: 5 })
    await book().confirm({ ...one, id: 'two', name: 'host/2' })
    expect(await book().heardSince(NOON)).toEqual([
      { ...one, position: 5 },
      { ...one, id: 'two', name: 'host/2' },
    ])
    await get().moveTo(NOON + 1_000)
    await book().confirm({ ...one, position: 6 })
    expect(await book().heardSince(NOON + 1)).toEqual([{ ...one, position: 6 }])
    await book().leave('one')
    await book().leave('one')
    expect((await book().heardSince(NOON)).map(({ id }) => id)).toEqual(['two'])
  })

  test('a word of a replica is no change: nobody reads the feed for it', async () => {
    const before = await get().store.changes.last()
    await book().confirm({ id: 'quiet', name: 'host/3', position: 0, servesMs: 1 })
    await book().leave('quiet')
    expect(await get().store.changes.last()).toEqual(before)
  })

  test('a replica that ended without leave is forgotten a day later, when another one leaves', async () => {
    await book().confirm({ id: 'gone', name: 'host/4', position: 0, servesMs: 1 })
    await get().moveTo(NOON + 86_402_000)
    await book().confirm({ id: 'fresh', name: 'host/5', position: 0, servesMs: 1 })
    await book().leave('another')
    const ids = (await book().heardSince(0)).map(({ id }) => id)
    expect(ids).toContain('fresh')
    expect(ids).not.toContain('gone')
  })

  test('of the changes the last 100,000 are kept, and each new one takes an old one away', async () => {
    const { ownerBook, changes } = get().store
    const { path } = await ownerBook.createOwner('pruned', NO_RULES)
    await ownerBook.setOwnerDisabled(path, true)
    const { number } = await changes.last()
    await get().write('UPDATE change_counter SET value = value + 100000 WHERE id = 1')
    await ownerBook.setOwnerDisabled(path, false)
    const left = await changes.changesFrom(0, 1_000)
    expect(left.map((change) => change.number)).toEqual([number + 100_001])
  })
})
