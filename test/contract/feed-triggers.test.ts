// Changes made past Latchkey reach the feed by triggers: in their own transaction, one for each row that a look-up reads.
import { expect, test } from 'vitest'
import type { Change } from '../../src/keys/change-feed.ts'
import { createKey, describeEveryStore } from '../support/stores.ts'

describeEveryStore('triggers of the feed', (get, kind) => {
  const triggers = () => get().store.feedTriggers
  const changes = () => get().store.changes

  /** What the feed tells of the work; its numbers are dense. */
  const toldOf = async (work: () => Promise<unknown>): Promise<readonly Change[]> => {
    const before = await changes().last()
    await work()
    const told = await changes().changesFrom(before.number + 1, 100)
    expect(told.map(({ number }) => number)).toEqual(told.map((_, at) => before.number + 1 + at))
    const last = await changes().last()
    expect(last.number).toBe(before.number + told.length)
    if (told.length > 0) expect(told.at(-1)?.token).toBe(last.token)
    // A number that comes twice, as after a restore, is known by its token.
    const tokens = [before.token, ...told.map(({ token }) => token)]
    expect(new Set(tokens).size).toBe(tokens.length)
    return told.map(({ change }) => change)
  }

  test('nothing is told of writes past Latchkey before they are installed, nor after they are removed', async () => {
    const { id } = await createKey(get())
    const rename = () => get().write(`UPDATE virtual_key SET name = 'x' WHERE id = '${id}'`)
    expect(await toldOf(rename)).toEqual([])
    await triggers().install()
    expect((await triggers().installed()).length).toBeGreaterThan(0)
    await triggers().install()
    await triggers().remove()
    expect(await triggers().installed()).toEqual([])
    expect(await toldOf(rename)).toEqual([])
  })

  test('each row that a look-up reads is told of by what it belongs to', async () => {
    await triggers().install()
    const { id, ownerId } = await someKey()
    const key = { kind: 'key', id }
    const owner = { kind: 'owner', id: ownerId }
    const after = async (text: string) => toldOf(() => get().write(text))
    expect(await after(`UPDATE virtual_key SET revoked_at = 1 WHERE id = '${id}'`)).toEqual([key])
    expect(await after(`UPDATE key_secret SET not_after = 1 WHERE key_id = '${id}'`)).toEqual([key])
    expect(await after(`UPDATE owner SET disabled = 1 WHERE id = '${ownerId}'`)).toEqual([owner])
    const limit = (subject: string) =>
      `INSERT INTO quota_limit (subject_id, unit, period, zone, amount, quota_id) VALUES ('${subject}', 'requests', 'day', 'UTC', 1, 999)`
    expect(await after(limit(id))).toEqual([key])
    expect(await after(limit(ownerId))).toEqual([owner])
    expect(await after(`UPDATE quota_limit SET amount = 2 WHERE subject_id = '${ownerId}'`)).toEqual([owner])
    expect(await after(`DELETE FROM quota_limit WHERE subject_id = '${id}'`)).toEqual([key])
    expect(await after('UPDATE registry SET version = version + 1')).toEqual([{ kind: 'registry' }])
    expect(await after(`DELETE FROM key_secret WHERE key_id = '${id}'`)).toEqual([key])
    expect(await after(`DELETE FROM virtual_key WHERE id = '${id}'`)).toEqual([key])
    expect(await after(`DELETE FROM owner WHERE id = '${ownerId}'`)).toEqual([owner])
  })

  test('a key that comes into being by hand ends what was known of its absence', async () => {
    await triggers().install()
    const { id } = await someKey()
    const copy = `INSERT INTO virtual_key (id, owner_id, name, hint, denied_models, policies, guardrails, quota_id, created_at)
      SELECT 'key_copy', owner_id, name, hint, denied_models, policies, guardrails, quota_id, created_at
      FROM virtual_key WHERE id = '${id}'`
    expect(await toldOf(() => get().write(copy))).toEqual([{ kind: 'new_keys' }])
    const secret = `INSERT INTO key_secret (hash, key_id, not_after) SELECT x'${'ab'.repeat(32)}', key_id, not_after
      FROM key_secret WHERE key_id = '${id}'`
    expect(await toldOf(() => get().write(secret))).toEqual([{ kind: 'new_keys' }])
  })

  test(`what a book changes is told ${kind === 'SQLite' ? 'at least once' : 'once'} all the same`, async () => {
    await triggers().install()
    const { id } = await createKey(get())
    const told = await toldOf(() => get().store.keyBook.setKeyDisabled(id, true))
    expect(new Set(told.map((change) => JSON.stringify(change)))).toEqual(
      new Set([JSON.stringify({ kind: 'key', id })]),
    )
    expect(told).toHaveLength(kind === 'SQLite' ? 2 : 1)
  })

  test('the instant of a change is in milliseconds since 1970', async () => {
    const { id } = await createKey(get())
    await triggers().install()
    await toldOf(() => get().write(`UPDATE virtual_key SET name = 'y' WHERE id = '${id}'`))
    const [row] = await get().read('SELECT changed_at FROM change_feed ORDER BY number DESC LIMIT 1')
    const hoursApart = (Number(row?.['changed_at']) - Date.now()) / 3_600_000
    expect(Math.abs(hoursApart)).toBeLessThan(1)
  })

  const someKey = async (): Promise<{ id: string; ownerId: string }> => {
    const { id } = await createKey(get())
    const [row] = await get().read(`SELECT owner_id FROM virtual_key WHERE id = '${id}'`)
    return { id, ownerId: String(row?.['owner_id']) }
  }
})
