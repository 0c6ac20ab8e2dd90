// Quota: how many units a subject may use in a window. Pure.

export type Unit = 'requests'
export type Period = 'minute' | 'hour' | 'day' | 'week' | 'month' | 'total'

export const UNITS: readonly Unit[] = ['requests']
export const PERIODS: readonly Period[] = ['minute', 'hour', 'day', 'week', 'month', 'total']

/** A total never turns: its window ends here. Also the amount of a row that only mirrors usability. */
export const FOREVER = Number.MAX_SAFE_INTEGER

export type Quota = Readonly<{
  /** Id of the hot row. Unit, period and zone of a row never change; a change makes a new row. */
  id: number
  /** Who people call the holder of this limit: `key` or an owner's path. */
  subject: string
  unit: Unit
  period: Period
  /** IANA zone in which the calendar windows turn. */
  zone: string
  amount: number
  /** True for the row every key has so that its usability is tested in the charge; nobody set it, nobody sees it. */
  implicit: boolean
}>

export type QuotaState = Readonly<{
  quota: Quota
  amount: number
  used: number
  /** max(0, amount - used) */
  remaining: number
  /** UTC milliseconds; undefined for a total. */
  resetsAtMs: number | undefined
}>
