// Windows follow each other without gap or overlap, in every zone and over every change of the clocks.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isZone } from '../../src/kernel/local-time.ts'
import type { Period } from '../../src/quota/quota.ts'
import { FOREVER, PERIODS } from '../../src/quota/quota.ts'
import { currentWindow } from '../../src/quota/window.ts'
import { recordFigure } from '../support/figures.ts'

const HOUR_MS = 3_600_000
const PROVING = process.env['LATCHKEY_PROVE'] === '1'
/** Instants at which a zone of these tests changes its clocks. */
const changes = [
  '2026-03-08T07:00:00Z',
  '2026-11-01T06:00:00Z',
  '2026-03-29T01:00:00Z',
  '2026-10-25T01:00:00Z',
  '2026-10-03T15:30:00Z',
  '2026-04-04T15:00:00Z',
]
const instant = (iso: string) => Date.parse(iso)
const window = (period: Period, zone: string, iso: string) => {
  const { startMs, endMs } = currentWindow(period, zone, instant(iso))
  return [new Date(startMs).toISOString(), new Date(endMs).toISOString()]
}

describe('calendar windows', () => {
  test.each<[Period, string, string, string, string]>([
    ['minute', 'UTC', '2026-11-21T12:34:56.789Z', '2026-11-21T12:34:00.000Z', '2026-11-21T12:35:00.000Z'],
    [
      'hour',
      'Asia/Kathmandu',
      '2026-11-21T12:20:00Z',
      '2026-11-21T12:15:00.000Z',
      '2026-11-21T13:15:00.000Z',
    ],
    ['day', 'Europe/Berlin', '2026-03-29T12:00:00Z', '2026-03-28T23:00:00.000Z', '2026-03-29T22:00:00.000Z'],
    ['day', 'Europe/Berlin', '2026-10-25T12:00:00Z', '2026-10-24T22:00:00.000Z', '2026-10-25T23:00:00.000Z'],
    [
      'day',
      'America/Santiago',
      '2025-09-07T12:00:00Z',
      '2025-09-07T04:00:00.000Z',
      '2025-09-08T03:00:00.000Z',
    ],
    [
      'week',
      'America/New_York',
      '2026-11-01T12:00:00Z',
      '2026-10-26T04:00:00.000Z',
      '2026-11-02T05:00:00.000Z',
    ],
    ['week', 'UTC', '2026-11-23T00:00:00Z', '2026-11-23T00:00:00.000Z', '2026-11-30T00:00:00.000Z'],
    ['month', 'UTC', '2024-02-29T23:59:59Z', '2024-02-01T00:00:00.000Z', '2024-03-01T00:00:00.000Z'],
    ['month', 'UTC', '2026-12-31T23:59:59Z', '2026-12-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z'],
    [
      'month',
      'Pacific/Auckland',
      '2026-09-30T11:30:00Z',
      '2026-09-30T11:00:00.000Z',
      '2026-10-31T11:00:00.000Z',
    ],
    ['day', 'Pacific/Apia', '2011-12-30T10:30:00Z', '2011-12-30T10:00:00.000Z', '2011-12-31T10:00:00.000Z'],
  ])('%s in %s at %s', (period, zone, at, start, end) => {
    expect(window(period, zone, at)).toEqual([start, end])
  })

  test('a total never turns', () => {
    expect(currentWindow('total', 'UTC', instant('2026-11-21T00:00:00Z'))).toEqual({
      startMs: 0,
      endMs: FOREVER,
    })
  })
})

describe('a leap day belongs to February, and is a day of its own', () => {
  test.each<[Period, string, string, string, string]>([
    ['day', 'UTC', '2028-02-29T12:00:00Z', '2028-02-29T00:00:00.000Z', '2028-03-01T00:00:00.000Z'],
    ['month', 'UTC', '2028-02-29T23:59:59.999Z', '2028-02-01T00:00:00.000Z', '2028-03-01T00:00:00.000Z'],
    ['day', 'Asia/Tokyo', '2028-02-29T14:59:59.999Z', '2028-02-28T15:00:00.000Z', '2028-02-29T15:00:00.000Z'],
    ['month', 'Asia/Tokyo', '2028-02-29T15:00:00Z', '2028-02-29T15:00:00.000Z', '2028-03-31T15:00:00.000Z'],
    ['week', 'UTC', '2028-02-29T12:00:00Z', '2028-02-28T00:00:00.000Z', '2028-03-06T00:00:00.000Z'],
    ['month', 'UTC', '2100-02-28T23:59:59.999Z', '2100-02-01T00:00:00.000Z', '2100-03-01T00:00:00.000Z'],
  ])('%s in %s at %s', (period, zone, at, start, end) => {
    expect(window(period, zone, at)).toEqual([start, end])
  })
})

describe('clocks that change make the day shorter or longer, and no hour longer', () => {
  test.each<[string, string, number, number]>([
    ['America/New_York', '2026-03-08T07:00:00Z', 23, 1],
    ['America/New_York', '2026-11-01T06:00:00Z', 25, 1],
    ['Europe/Berlin', '2026-03-29T01:00:00Z', 23, 1],
    ['Europe/Berlin', '2026-10-25T01:00:00Z', 25, 1],
    ['Australia/Lord_Howe', '2026-10-03T15:30:00Z', 23.5, 0.5],
    ['Australia/Lord_Howe', '2026-04-04T15:00:00Z', 24.5, 0.5],
  ])('%s at %s: a day of %d hours, the hour that follows lasts %d', (zone, at, dayHours, hourHours) => {
    const changeMs = instant(at)
    const day = currentWindow('day', zone, changeMs)
    expect((day.endMs - day.startMs) / HOUR_MS).toBe(dayHours)
    const hour = currentWindow('hour', zone, changeMs)
    expect([hour.startMs, (hour.endMs - hour.startMs) / HOUR_MS]).toEqual([changeMs, hourHours])
    expect(currentWindow('hour', zone, changeMs - 1)).toEqual({
      startMs: changeMs - HOUR_MS,
      endMs: changeMs,
    })
  })
})

describe('no instant is in two windows or in none', () => {
  const zones = [
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'America/Santiago',
    'Asia/Kathmandu',
  ]
  const periods = PERIODS.filter((period) => period !== 'total')
  const anInstant = fc.integer({ min: instant('2000-01-01T00:00:00Z'), max: instant('2099-12-31T00:00:00Z') })
  const aChange = fc.constantFrom(...changes)
  const nearAChange = fc
    .tuple(aChange, fc.integer({ min: -2 * HOUR_MS, max: 2 * HOUR_MS }))
    .map(([change, byMs]) => instant(change) + byMs)

  const expectTile = (period: Period, zone: string, atMs: number) => {
    const { startMs, endMs } = currentWindow(period, zone, atMs)
    const told = `${period} in ${zone} at ${new Date(atMs).toISOString()}`
    expect(startMs, told).toBeLessThanOrEqual(atMs)
    expect(endMs, told).toBeGreaterThan(atMs)
    expect(currentWindow(period, zone, endMs).startMs, told).toBe(endMs)
    expect(currentWindow(period, zone, startMs - 1).endMs, told).toBe(startMs)
  }

  test('a window holds its instant, ends where the next begins and begins where the last one ended', () => {
    const anyPeriod = fc.constantFrom(...periods)
    fc.assert(
      fc.property(anyPeriod, fc.constantFrom(...zones), fc.oneof(anInstant, nearAChange), expectTile),
      {
        numRuns: PROVING ? 20_000 : 1_000,
      },
    )
  })

  test('in every zone that there is', () => {
    const every = Intl.supportedValuesOf('timeZone')
    const soon = fc.integer({ min: instant('2024-01-01T00:00:00Z'), max: instant('2040-01-01T00:00:00Z') })
    const chosen = fc.record({
      period: fc.constantFrom(...periods),
      zone: fc.constantFrom(...every),
      at: soon,
    })
    fc.assert(
      fc.property(chosen, ({ period, zone, at }) => expectTile(period, zone, at)),
      { numRuns: PROVING ? 40_000 : 1_000 },
    )
    recordFigure({
      name: 'instants in two windows or in none, in any zone of the runtime',
      value: `0 in ${PROVING ? 40_000 : 1_000}`,
    })
  })

  test('a local day lasts 23 to 25 hours and begins at the zone’s midnight, or right after it where there is none', () => {
    fc.assert(
      fc.property(fc.constantFrom(...zones), anInstant, (zone, atMs) => {
        const { startMs, endMs } = currentWindow('day', zone, atMs)
        expect([23, 23.5, 24, 24.5, 25]).toContain((endMs - startMs) / HOUR_MS)
        const clock = new Intl.DateTimeFormat('en-GB', { timeZone: zone, timeStyle: 'medium' })
        expect(['00:00:00', '01:00:00']).toContain(clock.format(startMs))
      }),
      { numRuns: 300 },
    )
  })
})

test('an unknown zone is known to be unknown', () => {
  expect([isZone('Europe/Berlin'), isZone('UTC'), isZone('Mars/Olympus')]).toEqual([true, true, false])
})
