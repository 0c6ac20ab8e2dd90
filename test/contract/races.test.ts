// Many at once, from two processes' views of one store: exactly what was allowed, never more, all or none.
import { expect, test } from 'vitest'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { Quota } from '../../src/quota/quota.ts'
import { FOREVER } from '../../src/quota/quota.ts'
import { aDraft, chargedQuotas, createKey, describeEveryStore, lookUp, quotaRow } from '../support/stores.ts'

const TOTAL = { unit: 'requests', period: 'total', zone: 'UTC', amount: 100 } as const
const DAY = { unit: 'requests', period: 'day', zone: 'UTC', amount: 1_000 } as const

describeEveryStore('races', (get) => {
  const chargeOften = async (times: number, quotas: readonly Quota[], units = 1) => {
    const other = await get().openAgain()
    try {
      const outcomes = await Promise.all(
        Array.from({ length: times }, (_, n) =>
          (n % 2 === 0 ? other : get().store).ledger.charge(quotas, units, get().newCall()),
        ),
      )
      return outcomes.map(({ outcome }) => outcome)
    } finally {
      await other.close()
    }
  }
  const count = (outcomes: readonly string[], wanted: string) =>
    outcomes.filter((outcome) => outcome === wanted).length

  test('concurrent charges of one row admit exactly its amount', async () => {
    const { quotas } = await createKey(get(), { limits: [TOTAL] })
    const outcomes = await chargeOften(160, quotas)
    expect(count(outcomes, 'charged')).toBe(100)
    expect(count(outcomes, 'exhausted')).toBe(60)
    expect(await quotaRow(get(), quotas[0]?.id ?? 0)).toMatchObject({ used: 100 })
  })

  test('concurrent charges of several units never pass the amount, and leave less than one charge', async () => {
    const { quotas } = await createKey(get(), { limits: [TOTAL] })
    const outcomes = await chargeOften(40, quotas, 7)
    expect(count(outcomes, 'charged')).toBe(14)
    expect(await quotaRow(get(), quotas[0]?.id ?? 0)).toMatchObject({ used: 98 })
  })

  test('64 parallel charges of three stacked limits give equal totals, and none is charged on a refusal', async () => {
    await get().store.ownerBook.createOwner('stack/team', NO_RULES, { withParents: true })
    await get().store.limitBook.createLimit('stack', DAY)
    await get().store.limitBook.createLimit('stack/team', { ...TOTAL, amount: 40 })
    const { quotas } = await createKey(get(), { ownerPath: 'stack/team', limits: [DAY] })
    expect(quotas).toHaveLength(3)
    const outcomes = await chargeOften(64, quotas)
    expect(count(outcomes, 'charged')).toBe(40)
    expect(count(outcomes, 'exhausted')).toBe(24)
    for (const { id } of quotas) expect(await quotaRow(get(), id)).toMatchObject({ used: 40 })
  })

  test('charges that share rows in opposite orders all come to an end', async () => {
    await get().store.ownerBook.createOwner('cross', NO_RULES)
    await get().store.limitBook.createLimit('cross', DAY)
    const { quotas } = await createKey(get(), { ownerPath: 'cross', limits: [DAY] })
    const reversed = quotas.toReversed()
    const outcomes = (await Promise.all([chargeOften(32, quotas), chargeOften(32, reversed)])).flat()
    expect(count(outcomes, 'charged')).toBe(64)
    for (const { id } of quotas) expect(await quotaRow(get(), id)).toMatchObject({ used: 64 })
  })

  test('no key made while its owner is disabled escapes', async () => {
    for (let round = 0; round < 6; round += 1) {
      const path = `escape-${round}`
      await get().store.ownerBook.createOwner(`${path}/team`, NO_RULES, { withParents: true })
      const other = await get().openAgain()
      const drafts = Array.from({ length: 4 }, () => aDraft({ ownerPath: `${path}/team`, limits: [DAY] }))
      await Promise.all([
        ...drafts.map((draft, n) => (n % 2 === 0 ? other : get().store).keyBook.createKeys([draft])),
        get().store.ownerBook.setOwnerDisabled(path, true),
      ])
      await other.close()
      for (const { digest } of drafts) {
        const key = await lookUp(get(), digest)
        for (const quota of [key.usabilityQuota, ...chargedQuotas(key)])
          expect(await quotaRow(get(), quota.id), `${path} ${key.id}`).toMatchObject({ usable_until: 0 })
      }
    }
  })

  test('disabling a key and its owner at once, and enabling them again, ends where the last word says', async () => {
    const { id, key } = await createKey(get(), { ownerPath: 'both', limits: [DAY] })
    const { keyBook, ownerBook } = get().store
    for (let round = 0; round < 4; round += 1) {
      await Promise.all([keyBook.setKeyDisabled(id, true), ownerBook.setOwnerDisabled('both', true)])
      await Promise.all([keyBook.setKeyDisabled(id, false), ownerBook.setOwnerDisabled('both', false)])
      expect(await quotaRow(get(), key.usabilityQuota.id)).toMatchObject({ usable_until: FOREVER })
    }
  })

  test('once an owner was disabled, no charge that begins afterwards is admitted', async () => {
    const { quotas } = await createKey(get(), { ownerPath: 'stop', limits: [{ ...TOTAL, amount: FOREVER }] })
    let disabled = false
    let late = 0
    let admitted = 0
    const worker = async () => {
      for (;;) {
        // An embedded store answers without waiting: others would never get a turn.
        await new Promise((resolve) => setImmediate(resolve))
        const begunAfter = disabled
        const { outcome } = await get().store.ledger.charge(quotas, 1, get().newCall())
        if (outcome === 'stale') return
        admitted += 1
        if (begunAfter) late += 1
      }
    }
    const workers = Array.from({ length: 16 }, worker)
    while (admitted < 50) await new Promise((resolve) => setImmediate(resolve))
    await get().store.ownerBook.setOwnerDisabled('stop', true)
    disabled = true
    await Promise.all(workers)
    expect(late).toBe(0)
    expect(await quotaRow(get(), quotas[0]?.id ?? 0)).toMatchObject({ used: admitted })
  })

  test('a book at work makes no charge fail', async () => {
    await get().store.ownerBook.createOwner('calm', NO_RULES)
    const drafts = Array.from({ length: 300 }, () => aDraft({ ownerPath: 'calm' }))
    const { quotas } = await createKey(get(), { ownerPath: 'busy', limits: [DAY] })
    const [outcomes] = await Promise.all([chargeOften(100, quotas), get().store.keyBook.createKeys(drafts)])
    expect(count(outcomes, 'charged')).toBe(100)
  })
})
