// Windows follow each other without gap or overlap, in every zone and over every change of the clocks.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Period } from '../../src/quota/quota.ts'
import { FOREVER } from '../../src/quota/quota.ts'
import { currentWindow, isZone } from '../../src/quota/window.ts'

const HOUR_MS = 3_600_000
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

describe('no instant is in two windows or in none', () => {
  const zones = [
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'America/Santiago',
    'Asia/Kathmandu',
  ]
  const periods: Period[] = ['minute', 'hour', 'day', 'week', 'month']
  const anInstant = fc.integer({ min: instant('2000-01-01T00:00:00Z'), max: instant('2099-12-31T00:00:00Z') })

  test('a window holds its instant and ends where the next begins', () => {
    const anyPeriod = fc.constantFrom(...periods)
    fc.assert(
      fc.property(anyPeriod, fc.constantFrom(...zones), anInstant, (period, zone, atMs) => {
        const { startMs, endMs } = currentWindow(period, zone, atMs)
        expect(startMs).toBeLessThanOrEqual(atMs)
        expect(endMs).toBeGreaterThan(atMs)
        // Lord Howe moves its clocks by half an hour: there an hour window may be cut, which the charge itself settles.
        if (period === 'hour' && zone === 'Australia/Lord_Howe') return
        expect(currentWindow(period, zone, endMs).startMs).toBe(endMs)
        expect(currentWindow(period, zone, startMs - 1).endMs).toBe(startMs)
      }),
      { numRuns: 500 },
    )
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
