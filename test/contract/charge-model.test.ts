// Random histories of charges, windows and changed amounts, against a model that is simple enough to be believed.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Period, Quota } from '../../src/quota/quota.ts'
import { currentWindow } from '../../src/quota/window.ts'
import { createKey, describeEveryStore, NOON } from '../support/stores.ts'

type Step =
  | Readonly<{ kind: 'charge'; rows: readonly number[]; units: number }>
  | Readonly<{ kind: 'move'; byMs: number }>
  | Readonly<{ kind: 'amount'; row: number; amount: number }>
  | Readonly<{ kind: 'disable'; disabled: boolean }>

type ModelRow = { readonly period: Period; amount: number; used: number; endMs: number }

const PERIODS: readonly Period[] = ['minute', 'hour', 'total']
const MINUTE_MS = 60_000
const RUNS = 25

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('charge'),
      rows: fc.subarray([0, 1, 2], { minLength: 1 }),
      units: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('move'),
      byMs: fc.constantFrom(1, 30_000, MINUTE_MS - 1, MINUTE_MS, 61 * MINUTE_MS, -500),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('amount'),
      row: fc.integer({ min: 0, max: 2 }),
      amount: fc.integer({ min: 0, max: 9 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('disable'), disabled: fc.boolean() }) },
)

const usedNow = (row: ModelRow, nowMs: number): number => (row.endMs > nowMs ? row.used : 0)

/** All rows that are asked take the units, or none does. An open window stays open until its own end. */
const chargeModel = (rows: readonly ModelRow[], units: number, nowMs: number): boolean => {
  const fits = rows.every((row) => units <= row.amount - usedNow(row, nowMs))
  if (!fits) return false
  for (const row of rows) {
    if (row.endMs <= nowMs) {
      row.used = 0
      row.endMs = currentWindow(row.period, 'UTC', nowMs).endMs
    }
    row.used += units
  }
  return true
}

describeEveryStore('charge against a model', (get) => {
  const begin = async () => {
    await get().moveTo(NOON)
    const { id, quotas } = await createKey(get(), {
      limits: PERIODS.map((period) => ({ unit: 'requests', period, zone: 'UTC', amount: 5 })),
    })
    const rows: ModelRow[] = PERIODS.map((period) => ({ period, amount: 5, used: 0, endMs: 0 }))
    const limits = await get().store.limitBook.listLimits(id)
    return { id, quotas, rows, limits, nowMs: NOON, disabled: false }
  }
  type History = Awaited<ReturnType<typeof begin>>

  const charge = async (
    { quotas, rows, nowMs, disabled }: History,
    { rows: at, units }: Extract<Step, { kind: 'charge' }>,
  ) => {
    const asked = at.flatMap((row): Quota[] => quotas.slice(row, row + 1))
    const modelled = at.flatMap((row) => rows.slice(row, row + 1))
    const outcome = await get().store.ledger.charge(asked, units, get().newCall())
    const admitted = !disabled && chargeModel(modelled, units, nowMs)
    expect(outcome.outcome).toBe(disabled ? 'stale' : admitted ? 'charged' : 'exhausted')
    if (outcome.outcome === 'stale') return
    const remaining = modelled.map((row) => Math.max(0, row.amount - usedNow(row, nowMs)))
    expect(outcome.states.map((state) => state.remaining)).toEqual(remaining)
  }

  const take = async (history: History, next: Step): Promise<void> => {
    const { keyBook, limitBook } = get().store
    switch (next.kind) {
      case 'charge':
        return charge(history, next)
      case 'move':
        history.nowMs += next.byMs
        return get().moveTo(history.nowMs)
      case 'disable':
        history.disabled = next.disabled
        await keyBook.setKeyDisabled(history.id, next.disabled)
        return
      case 'amount': {
        const row = history.rows[next.row]
        if (row !== undefined) row.amount = next.amount
        await limitBook.updateLimit(history.limits[next.row]?.id ?? 0, { amount: next.amount })
      }
    }
  }

  test('every history ends as the model says', async () => {
    const history = async (steps: readonly Step[]) => {
      const begun = await begin()
      for (const next of steps) await take(begun, next)
      const left = await get().store.ledger.peek(begun.quotas, get().newCall())
      expect(left.map(({ used }) => used)).toEqual(begun.rows.map((row) => usedNow(row, begun.nowMs)))
    }
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), history), {
      numRuns: RUNS,
    })
  }, 120_000)
})
