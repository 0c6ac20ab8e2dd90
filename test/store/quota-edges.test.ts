// Numbers at their edges: every charge is counted exactly, none is over, and no statement leaves its range.
import { expect, test } from 'vitest'
import type { Quota, QuotaState } from '../../src/quota/quota.ts'
import { FOREVER } from '../../src/quota/quota.ts'
import type { ChargeOutcome } from '../../src/quota/quota-ledger.ts'
import type { TestStore } from '../support/stores.ts'
import { chargedQuotas, createKey, describeEveryForm, lookUp, NOON } from '../support/stores.ts'

const TOTAL = { unit: 'requests', period: 'total', zone: 'UTC', amount: 3 } as const
const LARGEST = 2n ** 63n - 1n
const AMOUNTS = [0n, 1n, 2n, 2n ** 53n - 2n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 62n, LARGEST]

type Stored = Readonly<{ amount: bigint; used: bigint; windowEndMs?: number }>

/** Writes a row past the store, and looks its key up afterwards, as every Check does that has not seen it. */
const store = async (opened: TestStore, row: Stored): Promise<readonly Quota[]> => {
  const { digest, quotas } = await createKey(opened, { limits: [TOTAL] })
  await opened.write(
    `UPDATE quota SET amount = ${row.amount}, used = ${row.used}, window_end = ${row.windowEndMs ?? FOREVER}
     WHERE id = ${quotas[0]?.id}`,
  )
  return chargedQuotas(await lookUp(opened, digest))
}

const usedOf = async (opened: TestStore, quotas: readonly Quota[]): Promise<bigint> => {
  const [row] = await opened.read(`SELECT CAST(used AS CHAR) AS used FROM quota WHERE id = ${quotas[0]?.id}`)
  return BigInt(String(row?.['used']))
}

const statesOf = (outcomes: readonly ChargeOutcome[]): readonly QuotaState[] =>
  outcomes.flatMap((one) => (one.outcome === 'stale' ? [] : one.states))

describeEveryForm('numeric edges', (get) => {
  const chargeAtOnce = async (times: number, quotas: readonly Quota[], units: number) => {
    const asked = Array.from({ length: times }, () =>
      get().store.ledger.charge(quotas, units, get().newCall()),
    )
    const outcomes = await Promise.all(asked)
    for (const { amount, used, remaining } of statesOf(outcomes)) {
      for (const told of [amount, used, remaining]) expect(Number.isSafeInteger(told) && told >= 0).toBe(true)
      expect(remaining).toBe(Math.max(0, amount - used))
    }
    return BigInt(outcomes.filter(({ outcome }) => outcome === 'charged').length)
  }

  test.each(AMOUNTS)('of an amount of %d the last units are admitted, and not one more', async (amount) => {
    for (const left of [0n, 1n, 3n, 9n, amount]) {
      const used = amount > left ? amount - left : 0n
      const quotas = await store(get(), { amount, used })
      const room = amount - used
      const fitting = room < 5n ? room : 5n
      expect(await chargeAtOnce(5, quotas, 1)).toBe(fitting)
      expect(await usedOf(get(), quotas)).toBe(used + fitting)
    }
  })

  test.each(AMOUNTS)(
    'of an amount of %d that nobody used, 2^53 - 1 units are taken whole or not at all',
    async (amount) => {
      const quotas = await store(get(), { amount, used: 0n })
      const fitting = amount / BigInt(FOREVER) < 3n ? amount / BigInt(FOREVER) : 3n
      expect(await chargeAtOnce(3, quotas, FOREVER)).toBe(fitting)
      expect(await usedOf(get(), quotas)).toBe(fitting * BigInt(FOREVER))
    },
  )

  test('a window that was left with more than an amount can hold begins at nothing when it turns', async () => {
    for (const used of [5n, 2n ** 53n, LARGEST]) {
      const quotas = await store(get(), { amount: 3n, used, windowEndMs: NOON - 1 })
      expect(await chargeAtOnce(5, quotas, 1)).toBe(3n)
      expect(await usedOf(get(), quotas)).toBe(3n)
    }
  })

  test('an amount below what is used admits nothing and changes nothing; raised, it admits the difference', async () => {
    for (const used of [10n, 2n ** 53n - 1n, 2n ** 60n]) {
      const quotas = await store(get(), { amount: 4n, used })
      expect(await chargeAtOnce(3, quotas, 1)).toBe(0n)
      expect(await usedOf(get(), quotas)).toBe(used)
      await get().write(`UPDATE quota SET amount = ${used + 2n} WHERE id = ${quotas[0]?.id}`)
      const other = await get().openAgain()
      const outcomes = [1, 2, 3].map(() => other.ledger.charge(quotas, 1, get().newCall()))
      expect((await Promise.all(outcomes)).filter(({ outcome }) => outcome === 'charged')).toHaveLength(2)
      expect(await usedOf(get(), quotas)).toBe(used + 2n)
      await other.close()
    }
  })

  test('a stack in which one row is at the end of all numbers is charged in all rows or in none', async () => {
    const { digest, quotas } = await createKey(get(), {
      limits: [TOTAL, { ...TOTAL, period: 'day', amount: 100 }],
    })
    const [most, day] = quotas
    await get().write(
      `UPDATE quota SET amount = ${LARGEST}, used = ${LARGEST - 4n}, window_end = ${FOREVER} WHERE id = ${most?.id}`,
    )
    const known = chargedQuotas(await lookUp(get(), digest))
    expect(await chargeAtOnce(9, known, 1)).toBe(4n)
    expect(await usedOf(get(), quotas)).toBe(LARGEST)
    expect(await usedOf(get(), day === undefined ? [] : [day])).toBe(4n)
  })
})
