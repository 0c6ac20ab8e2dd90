// Limits: each unit and period, of a key and of each owner above it; and the zone in which they turn.
import { expect } from 'vitest'
import type { LimitDraft } from '../../src/quota/limit-book.ts'
import type { Period } from '../../src/quota/quota.ts'
import { PERIODS, UNITS } from '../../src/quota/quota.ts'
import type { Row } from './row.ts'
import { tellRow, trialRow } from './row.ts'
import type { Holder } from './subjects.ts'
import { HOLDERS, newKey, subjectOf } from './subjects.ts'

export const limitRows = (): readonly Row[] => Object.values(LIMIT_FIELDS).flat()

const AMOUNTS = { admits: 1_000_000, refuses: 0 } as const

const amountRow = (holder: Holder, limit: Omit<LimitDraft, 'amount'>): Row =>
  trialRow(`limit ${limit.unit}/${limit.period} of the ${holder}`, {
    reason: limit.period === 'minute' ? 'rate_limited' : 'quota_exhausted',
    begin: async (world, value) => {
      const { limitBook } = world.store
      const key = await newKey(world)
      const { id } = await limitBook.createLimit(subjectOf(holder, key), { ...limit, amount: AMOUNTS[value] })
      const set = async (to: typeof value) => void (await limitBook.updateLimit(id, { amount: AMOUNTS[to] }))
      return { secret: key.secret, set }
    },
  })

/** A limit that is there, and one that is not. */
const existenceRow = (holder: Holder): Row =>
  trialRow(`limit made and removed, of the ${holder}`, {
    reason: 'quota_exhausted',
    begin: async (world, value) => {
      const { limitBook } = world.store
      const key = await newKey(world)
      const subject = subjectOf(holder, key)
      const set = async (to: typeof value) => {
        for (const { id } of await limitBook.listLimits(subject)) await limitBook.deleteLimit(id)
        if (to === 'refuses') await limitBook.createLimit(subject, { ...A_LIMIT, amount: 0 })
      }
      await set(value)
      return { secret: key.secret, set }
    },
  })

const A_LIMIT = { unit: 'requests', period: 'day', zone: 'UTC' } as const

/** Of so many so many pass, and not one more. */
const countRow = (holder: Holder, period: Period): Row =>
  tellRow(`limit amount per ${period} of the ${holder} is counted`, async (world) => {
    const key = await newKey(world)
    const subject = subjectOf(holder, key)
    // A minute may turn while it is counted; then there is room for as many again, and they are counted anew.
    for (let time = 1; ; time += 1) {
      const { id } = await world.store.limitBook.createLimit(subject, { ...A_LIMIT, period, amount: 3 })
      const before = (await world.store.limitBook.listLimits(subject))[0]?.resetsAtMs
      const reasons: string[] = []
      for (let each = 0; each < 5; each += 1) reasons.push((await world.ask(key.secret)).reason)
      const after = (await world.store.limitBook.listLimits(subject))[0]?.resetsAtMs
      await world.store.limitBook.deleteLimit(id)
      if (before !== after && time < 3) continue
      const over = period === 'minute' ? 'rate_limited' : 'quota_exhausted'
      expect(reasons).toEqual(['allow', 'allow', 'allow', over, over])
      return
    }
  })

const OFFSET_MS = 345 * 60_000
const DAY_MS = 86_400_000

/** When a window ends in Kathmandu, where it is 5:45 later all year round. */
const nextTurn = (period: Exclude<Period, 'minute' | 'total'>, nowMs: number): number => {
  const there = nowMs + OFFSET_MS
  const date = new Date(there)
  if (period === 'hour') return (Math.floor(there / 3_600_000) + 1) * 3_600_000 - OFFSET_MS
  if (period === 'month') return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) - OFFSET_MS
  const daysAhead = period === 'day' ? 1 : 7 - ((date.getUTCDay() + 6) % 7)
  return (Math.floor(there / DAY_MS) + daysAhead) * DAY_MS - OFFSET_MS
}

const zoneRow = (period: Exclude<Period, 'minute' | 'total'>): Row =>
  tellRow(`limit zone turns the ${period}`, async (world) => {
    const limits = [{ unit: 'requests', period, zone: 'Asia/Kathmandu', amount: 0 }] as const
    const { secret } = await newKey(world, { limits })
    const before = nextTurn(period, Date.now())
    const { body } = await world.ask(secret)
    const told = /it resets at ([^ ;"]+?)\./.exec(body)?.[1]
    // The window may turn between the two.
    const possible = [before, nextTurn(period, Date.now())].map((atMs) => new Date(atMs).toISOString())
    expect(possible.map((iso) => iso.slice(0, 19))).toContain(told)
  })

/** By the field that is tried. The key's own are also part of its draft. */
const LIMIT_FIELDS: Readonly<Record<keyof LimitDraft, readonly Row[]>> = {
  unit: HOLDERS.flatMap((holder) => existenceRow(holder)),
  period: UNITS.flatMap((unit) =>
    PERIODS.flatMap((period) => HOLDERS.map((holder) => amountRow(holder, { unit, period, zone: 'UTC' }))),
  ),
  amount: [
    trialRow('limit in the draft of the key', {
      reason: 'quota_exhausted',
      begin: async (world, value) => newKey(world, { limits: [{ ...A_LIMIT, amount: AMOUNTS[value] }] }),
    }),
    ...PERIODS.map((period) => countRow('key', period)),
    ...HOLDERS.slice(1).map((holder) => countRow(holder, 'total')),
  ],
  zone: (['hour', 'day', 'week', 'month'] as const).map(zoneRow),
}
