// Windows from minute to month, in calendar and time zone. Pure.
import { localTime } from '../kernel/local-time.ts'
import type { Period } from './quota.ts'
import { FOREVER } from './quota.ts'

/** [startMs, endMs), UTC milliseconds. */
export type Window = Readonly<{ startMs: number; endMs: number }>

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000

/**
 * The window of `period` that contains `nowMs` in the IANA zone. Windows of one period follow each other without gap or
 * overlap; a local midnight that does not exist begins at the first instant after it. Weeks begin on Monday (ISO 8601).
 * Throws RangeError for an unknown zone.
 */
export const currentWindow = (period: Period, zone: string, nowMs: number): Window => {
  if (period === 'total') return { startMs: 0, endMs: FOREVER }
  const memoKey = `${period} ${zone}`
  const held = memo.get(memoKey)
  if (held !== undefined && held.startMs <= nowMs && nowMs < held.endMs) return held
  const window = compute(period, zone, nowMs)
  if (memo.size >= MEMO_ENTRIES) memo.clear()
  memo.set(memoKey, window)
  return window
}

const MEMO_ENTRIES = 4_096
const memo = new Map<string, Window>()

const compute = (period: Exclude<Period, 'total'>, zone: string, nowMs: number): Window => {
  if (period === 'minute') return aligned(nowMs, MINUTE_MS, 0)
  if (period === 'hour') return hourOf(zone, nowMs)
  const local = Math.floor(localTime(zone, nowMs) / DAY_MS)
  const [first, next] = calendarDays(period, local)
  return { startMs: dayBegins(zone, first), endMs: dayBegins(zone, next) }
}

const aligned = (nowMs: number, lengthMs: number, offsetMs: number): Window => {
  const startMs = Math.floor((nowMs + offsetMs) / lengthMs) * lengthMs - offsetMs
  return { startMs, endMs: startMs + lengthMs }
}

/**
 * Zones lie up to 45 minutes off the whole hour, so hours turn with the zone's offset. One that moves by less than an hour
 * (Lord Howe) cuts the hour in which it does.
 */
const hourOf = (zone: string, nowMs: number): Window => {
  const offsetAt = (instantMs: number) => localTime(zone, instantMs) - instantMs
  const offset = offsetAt(nowMs)
  const { startMs, endMs } = aligned(nowMs, HOUR_MS, offset)
  const isSame = (instantMs: number) => offsetAt(instantMs) === offset
  return {
    startMs: isSame(startMs) ? startMs : firstInstant(startMs, nowMs, isSame),
    endMs: isSame(endMs - 1) ? endMs : firstInstant(nowMs, endMs - 1, (instantMs) => !isSame(instantMs)),
  }
}

/** First day of the period that holds local day `day`, and of the next one; days since 1970-01-01. */
const calendarDays = (period: 'day' | 'week' | 'month', day: number): [number, number] => {
  if (period === 'day') return [day, day + 1]
  if (period === 'week') {
    const monday = day - ((((day + 3) % 7) + 7) % 7) // 1970-01-01 was a Thursday
    return [monday, monday + 7]
  }
  const date = new Date(day * DAY_MS)
  const year = date.getUTCFullYear()
  const month = date.getUTCMonth()
  return [Date.UTC(year, month, 1) / DAY_MS, Date.UTC(year, month + 1, 1) / DAY_MS]
}

/** The first instant whose local day is `day` or later. */
const dayBegins = (zone: string, day: number): number =>
  firstInstant(
    day * DAY_MS - 16 * HOUR_MS,
    day * DAY_MS + 16 * HOUR_MS,
    (instantMs) => Math.floor(localTime(zone, instantMs) / DAY_MS) >= day,
  )

/** By bisection between an instant at which it is not yet so and one at which it is: right for every shift a zone ever made. */
const firstInstant = (notYetMs: number, alreadyMs: number, isSo: (instantMs: number) => boolean): number => {
  let before = notYetMs
  let after = alreadyMs
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (isSo(middle)) after = middle
    else before = middle
  }
  return after
}
