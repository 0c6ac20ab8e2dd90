// Instants on the command line: a time from now such as 30d, or a date.
import { parseDurationMs } from '../config/quantity.ts'
import { Rejection } from '../kernel/failure.ts'

/**
 * `30d` from `nowMs` on, `2027-01-31` (midnight UTC), or a date and time with its offset, `2027-01-31T09:00:00+01:00`. UTC
 * milliseconds. Throws Rejection; `option` is the name that it blames.
 */
export const parseInstant = (option: string, text: string, nowMs: number): number => {
  const durationMs = parseDurationMs(text)
  const instantMs = durationMs === undefined ? dateMs(text) : nowMs + durationMs
  if (!Number.isSafeInteger(instantMs) || instantMs > LAST_MS)
    throw new Rejection(
      'invalid',
      `${option} ${JSON.stringify(text)} must be a time from now such as 12h or 30d, or a date such as 2027-01-31 or 2027-01-31T09:00:00Z`,
    )
  return instantMs
}

/** `date`: `2027-01-31`. Date.parse alone turns 30 February into 2 March. */
export const dateExists = (date: string): boolean =>
  new Date(`${date}T00:00:00Z`).toJSON()?.startsWith(date) === true

/** For JSON and tables alike; undefined stays undefined. */
export const formatInstant = (instantMs: number | undefined): string | undefined =>
  instantMs === undefined ? undefined : new Date(instantMs).toISOString()

// A time of day without an offset would mean another instant on each machine, so it is refused.
const DATE = /^(\d{4}-\d{2}-\d{2})(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2}))?$/
/** 9999-12-31: later ones do not fit the four digits of a year that everybody parses. */
const LAST_MS = 253_402_300_799_999

const dateMs = (text: string): number => {
  const date = DATE.exec(text)?.[1]
  return date !== undefined && dateExists(date) ? Date.parse(text) : Number.NaN
}
