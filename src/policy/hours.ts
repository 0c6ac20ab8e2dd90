// Hours of the week in which a key may be used: days and times on the wall clocks of a time zone.
import { isZone, localTime } from '../kernel/local-time.ts'

export type Hours = Readonly<{
  /** Monday is 0. */
  days: ReadonlySet<number>
  /** Minutes of the day; `toMinute` of `fromMinute` or less is of the next day. */
  fromMinute: number
  toMinute: number
  zone: string
}>

export const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const

const MINUTE_MS = 60_000
const DAY_MINUTES = 1_440

const FORM = /^(?:([A-Za-z,-]+) )?(\d\d):(\d\d)-(\d\d):(\d\d)(?:@([\x21-\x7e]{1,64}))?$/

/**
 * `08:00-18:00`, `Mon-Fri 08:00-18:00@Europe/Berlin`, `Sat,Sun 22:00-06:00`, which ends on the day after. Without a zone UTC, without days
 * every day. undefined when the text is nothing of this.
 */
export const parseHours = (text: string): Hours | undefined => {
  const [, dayList, fromHour, fromMinute, toHour, toMinute, zone = 'UTC'] = FORM.exec(text) ?? []
  const days = dayList === undefined ? new Set(DAYS.keys()) : parseDays(dayList)
  const from = minuteOf(fromHour, fromMinute)
  const to = minuteOf(toHour, toMinute)
  if (days === undefined || from === undefined || to === undefined || from === DAY_MINUTES) return undefined
  if (from === to || !isZone(zone)) return undefined
  return { days, fromMinute: from, toMinute: to, zone }
}

/** Whether the instant, UTC milliseconds, lies in one of them: the first minute does, the last does not. */
export const isWithin = (list: readonly Hours[], nowMs: number): boolean =>
  list.some((hours) => holds(hours, nowMs))

const holds = ({ days, fromMinute, toMinute, zone }: Hours, nowMs: number): boolean => {
  const wall = wallMinute(zone, nowMs)
  const minute = wall % DAY_MINUTES
  // 1970 began on a Thursday.
  const today = (Math.floor(wall / DAY_MINUTES) + 3) % 7
  if (fromMinute < toMinute) return days.has(today) && minute >= fromMinute && minute < toMinute
  return (days.has(today) && minute >= fromMinute) || (days.has((today + 6) % 7) && minute < toMinute)
}

/** Zones differ from UTC by whole minutes, so that what a clock shows is asked for once in a minute: it costs some 5 µs. */
const memo = new Map<string, Readonly<{ utcMinute: number; wall: number }>>()
const MEMO_ZONES = 512

const wallMinute = (zone: string, nowMs: number): number => {
  const utcMinute = Math.floor(nowMs / MINUTE_MS)
  const held = memo.get(zone)
  if (held?.utcMinute === utcMinute) return held.wall
  const wall = Math.floor(localTime(zone, utcMinute * MINUTE_MS) / MINUTE_MS)
  if (memo.size >= MEMO_ZONES) memo.clear()
  memo.set(zone, { utcMinute, wall })
  return wall
}

/** `Mon`, `Mon-Fri`, `Fri-Mon`, `Mon,Wed-Fri`; undefined for anything else. */
const parseDays = (text: string): ReadonlySet<number> | undefined => {
  const days = new Set<number>()
  for (const part of text.split(',')) {
    const ends = part.split('-').map(dayOf)
    const [first] = ends
    const last = ends.at(-1)
    if (first === undefined || last === undefined || ends.length > 2) return undefined
    for (let day = first; ; day = (day + 1) % 7) {
      days.add(day)
      if (day === last) break
    }
  }
  return days
}

const dayOf = (name: string): number | undefined => {
  const day = DAYS.findIndex((known) => known.toLowerCase() === name.toLowerCase())
  return day < 0 ? undefined : day
}

/** 24:00 ends a day. */
const minuteOf = (hour: string | undefined, minute: string | undefined): number | undefined => {
  const minutes = Number(hour) * 60 + Number(minute)
  return Number(minute) < 60 && minutes <= DAY_MINUTES ? minutes : undefined
}
