// Windows from minute to month, in calendar and time zone. Pure.
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

/** True when the runtime knows the IANA zone. */
export const isZone = (zone: string): boolean => {
  try {
    localTime(zone, 0)
    return true
  } catch {
    return false
  }
}

const MEMO_ENTRIES = 4_096
const memo = new Map<string, Window>()

const compute = (period: Exclude<Period, 'total'>, zone: string, nowMs: number): Window => {
  if (period === 'minute') return aligned(nowMs, MINUTE_MS, 0)
  // Zones lie up to 45 minutes off the whole hour, so hours turn with the zone's offset at this instant.
  if (period === 'hour') return aligned(nowMs, HOUR_MS, localTime(zone, nowMs) - nowMs)
  const local = Math.floor(localTime(zone, nowMs) / DAY_MS)
  const [first, next] = calendarDays(period, local)
  return { startMs: dayBegins(zone, first), endMs: dayBegins(zone, next) }
}

const aligned = (nowMs: number, lengthMs: number, offsetMs: number): Window => {
  const startMs = Math.floor((nowMs + offsetMs) / lengthMs) * lengthMs - offsetMs
  return { startMs, endMs: startMs + lengthMs }
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

/** The first instant whose local day is `day` or later, by bisection: right for every shift a zone ever made. */
const dayBegins = (zone: string, day: number): number => {
  let before = day * DAY_MS - 16 * HOUR_MS
  let after = day * DAY_MS + 16 * HOUR_MS
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (Math.floor(localTime(zone, middle) / DAY_MS) >= day) after = middle
    else before = middle
  }
  return after
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** Local wall time of an instant, expressed as if it were UTC milliseconds. */
const localTime = (zone: string, instantMs: number): number => {
  if (zone === 'UTC') return instantMs
  let format = formats.get(zone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    formats.set(zone, format)
  }
  const part: Record<string, number> = {}
  for (const { type, value } of format.formatToParts(instantMs)) part[type] = Number(value)
  const wholeSecond = Date.UTC(
    part['year'] ?? 0,
    (part['month'] ?? 1) - 1,
    part['day'],
    part['hour'],
    part['minute'],
    part['second'],
  )
  return wholeSecond + (((instantMs % 1000) + 1000) % 1000)
}
