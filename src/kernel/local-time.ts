// What clocks on the wall show in a time zone.

/** Wall time of an instant, expressed as if it were UTC milliseconds. Throws RangeError for an unknown IANA zone. */
export const localTime = (zone: string, instantMs: number): number => {
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

/** True when the runtime knows the IANA zone. */
export const isZone = (zone: string): boolean => {
  try {
    localTime(zone, 0)
    return true
  } catch {
    return false
  }
}

const formats = new Map<string, Intl.DateTimeFormat>()
