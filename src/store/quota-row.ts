// A hot row as a database gives it, made fit for arithmetic on numbers.
import type { QuotaRow } from '../quota/charge-plan.ts'
import { FOREVER } from '../quota/quota.ts'

/** Columns id, amount, used, window_end, usable_until; a driver gives large ones as bigint or text. */
export const toQuotaRow = (row: Readonly<Record<string, unknown>>): QuotaRow => ({
  id: Number(whole(row, 'id')),
  ...amountAndUsed(whole(row, 'amount'), whole(row, 'used')),
  windowEndMs: Math.min(Number(whole(row, 'window_end')), FOREVER),
  usableUntilMs: Math.min(Number(whole(row, 'usable_until')), FOREVER),
})

/** Beyond 2^53 - 1 nobody counts to the end: what remains is told right up to there, and the statement itself counts exactly. */
const amountAndUsed = (amount: bigint | number, used: bigint | number): { amount: number; used: number } => {
  if (typeof amount === 'number' && typeof used === 'number') return { amount, used }
  const room = BigInt(amount) - BigInt(used)
  const shown = amount > FOREVER ? FOREVER : Number(amount)
  return { amount: shown, used: Math.min(FOREVER, shown - (room > FOREVER ? FOREVER : Number(room))) }
}

const whole = (row: Readonly<Record<string, unknown>>, column: string): bigint | number => {
  const value = row[column]
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  if (typeof value === 'bigint') return isSafe(value) ? Number(value) : value
  if (typeof value === 'string' && /^-?\d+$/.test(value)) return BigInt(value)
  throw new TypeError(`column ${column} is not a whole number`)
}

const isSafe = (value: bigint): boolean => value <= FOREVER && value >= -FOREVER
