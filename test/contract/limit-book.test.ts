// Limits as people manage them, on every store.
import { expect, test } from 'vitest'
import { NO_RULES } from '../../src/policy/policy.ts'
import { FOREVER } from '../../src/quota/quota.ts'
import { createKey, describeEveryStore, lookUp, NOON, quotaRow } from '../support/stores.ts'

const DAY = { unit: 'requests', period: 'day', zone: 'UTC', amount: 100 } as const
const MIDNIGHT = Date.UTC(2026, 10, 22)

describeEveryStore('limits', (get) => {
  const book = () => get().store.limitBook

  test('a limit is told with what is used and when it resets, on keys and on owners', async () => {
    const { id, digest } = await createKey(get())
    const onKey = await book().createLimit(id, DAY)
    expect(onKey).toEqual({ ...DAY, id: onKey.id, subject: id, used: 0, resetsAtMs: MIDNIGHT })
    const onOwner = await book().createLimit('acme', { ...DAY, period: 'total' })
    expect(onOwner).toMatchObject({ subject: 'acme', resetsAtMs: undefined })
    const key = await lookUp(get(), digest)
    await get().store.ledger.charge([...key.quotas, ...(key.owners[0]?.quotas ?? [])], 3, get().newCall())
    expect(await book().listLimits(id)).toEqual([{ ...onKey, used: 3 }])
    expect(await book().listLimits('acme')).toEqual([{ ...onOwner, used: 3 }])
    expect((await book().listLimits()).map((limit) => limit.id)).toEqual([onKey.id, onOwner.id])
    await get().moveTo(MIDNIGHT)
    expect(await book().listLimits(id)).toEqual([{ ...onKey, used: 0, resetsAtMs: MIDNIGHT + 86_400_000 }])
    await get().moveTo(NOON)
  })

  test('a subject has one limit of a unit, period and zone', async () => {
    const { id } = await createKey(get())
    await book().createLimit(id, DAY)
    await expect(book().createLimit(id, { ...DAY, amount: 5 })).rejects.toMatchObject({ code: 'conflict' })
    const other = await book().createLimit(id, { ...DAY, zone: 'Europe/Berlin' })
    await book().createLimit(id, { ...DAY, period: 'hour' })
    await expect(book().updateLimit(other.id, { zone: 'UTC' })).rejects.toMatchObject({ code: 'conflict' })
    const results = await Promise.allSettled(
      Array.from({ length: 6 }, () => book().createLimit(id, { ...DAY, period: 'week' })),
    )
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test('a changed amount keeps what is used, a changed period or zone starts empty on a new row', async () => {
    const { id, digest, quotas } = await createKey(get(), { limits: [DAY] })
    await get().store.ledger.charge(quotas, 7, get().newCall())
    const [limit] = await book().listLimits(id)
    expect(await book().updateLimit(limit?.id ?? 0, { amount: 50 })).toMatchObject({
      id: limit?.id,
      amount: 50,
      used: 7,
    })
    expect((await lookUp(get(), digest)).quotas[0]).toMatchObject({ id: quotas[0]?.id, amount: 50 })
    const moved = await book().updateLimit(limit?.id ?? 0, { zone: 'Asia/Tokyo' })
    expect(moved).toMatchObject({ id: limit?.id, amount: 50, used: 0, zone: 'Asia/Tokyo' })
    const row = (await lookUp(get(), digest)).quotas[0]
    expect(row?.id).not.toBe(quotas[0]?.id)
    expect(await quotaRow(get(), quotas[0]?.id ?? 0)).toMatchObject({ used: 7, usable_until: 0 })
    await get().store.ledger.charge(row === undefined ? [] : [row], 1, get().newCall())
    expect(await quotaRow(get(), row?.id ?? 0)).toMatchObject({ used: 1, usable_until: FOREVER })
  })

  test('amounts, periods and zones that cannot be are refused, and a subject must exist', async () => {
    const { id } = await createKey(get())
    const limit = await book().createLimit(id, DAY)
    for (const change of [{ amount: -1 }, { amount: 0.5 }, { zone: 'Nowhere/At-All' }, { zone: '' }])
      await expect(book().updateLimit(limit.id, change)).rejects.toMatchObject({ code: 'invalid' })
    await expect(book().createLimit('key_0000000000000000000000', DAY)).rejects.toMatchObject({
      code: 'not_found',
    })
    await expect(book().createLimit('nobody', DAY)).rejects.toMatchObject({ code: 'not_found' })
    await expect(book().createLimit('No Body', DAY)).rejects.toMatchObject({ code: 'invalid' })
    await expect(book().listLimits('nobody')).rejects.toMatchObject({ code: 'not_found' })
    await expect(book().listLimits('key_1')).rejects.toMatchObject({ code: 'not_found' })
    for (const gone of [0, -1, 1.5, 999_999]) {
      await expect(book().updateLimit(gone, { amount: 1 })).rejects.toMatchObject({ code: 'not_found' })
      await expect(book().deleteLimit(gone)).rejects.toMatchObject({ code: 'not_found' })
    }
  })

  test('a subject has at most 16 limits', async () => {
    const { id } = await createKey(get())
    const zones = ['UTC', 'Europe/Berlin', 'Asia/Tokyo', 'America/Lima']
    const periods = ['minute', 'hour', 'day', 'week'] as const
    for (const zone of zones)
      for (const period of periods) await book().createLimit(id, { ...DAY, zone, period })
    await expect(book().createLimit(id, { ...DAY, period: 'total' })).rejects.toMatchObject({
      code: 'conflict',
    })
  })

  test('a limit on a key touches that key, one on an owner all keys below it', async () => {
    const { id } = await createKey(get(), { ownerPath: 'listener' })
    await get().store.ownerBook.createOwner('listener/team', NO_RULES)
    const seen: unknown[] = []
    const stop = get().store.onChange((change) => seen.push(change))
    const onKey = await book().createLimit(id, DAY)
    await book().updateLimit(onKey.id, { amount: 1 })
    await book().deleteLimit(onKey.id)
    const onOwner = await book().createLimit('listener/team', DAY)
    await book().deleteLimit(onOwner.id)
    stop()
    const key = { kind: 'key', id }
    const owner = { kind: 'owner', id: expect.stringMatching(/^own_/) }
    expect(seen).toEqual([key, key, key, owner, owner])
  })
})
