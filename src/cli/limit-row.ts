// A limit as lists, records and JSON show it.
import type { Limit } from '../quota/limit-book.ts'
import { formatInstant } from './instant.ts'

export const LIMIT_COLUMNS = [
  'id',
  'subject',
  'unit',
  'period',
  'zone',
  'amount',
  'used',
  'remaining',
  'resets_at',
] as const

export const limitRow = ({ id, subject, unit, period, zone, amount, used, resetsAtMs }: Limit) => ({
  id,
  subject,
  unit,
  period,
  zone,
  amount,
  used,
  remaining: Math.max(0, amount - used),
  resets_at: formatInstant(resetsAtMs),
})
