// Hours are those of the clocks on the wall: to the minute, across midnight, weeks and changes of the clocks.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DAYS, isWithin, parseHours } from '../../src/policy/hours.ts'
import { NO_RESTRICTIONS } from '../../src/policy/restrictions.ts'
import { parseRestrictions } from '../../src/store/books/restrictions-input.ts'

const RUNS = process.env['LATCHKEY_PROVE'] === '1' ? 400 : 12
const MINUTE_MS = 60_000

const hoursOf = (text: string) => {
  const hours = parseHours(text)
  if (hours === undefined) throw new Error(`${text} are no hours`)
  return hours
}
const within = (text: string, instant: string) => isWithin([hoursOf(text)], Date.parse(instant))

describe('hours', () => {
  // 2026-11-21 is a Saturday.
  test.each<[string, string, boolean]>([
    ['08:00-18:00', '2026-11-21T07:59:59.999Z', false],
    ['08:00-18:00', '2026-11-21T08:00:00.000Z', true],
    ['08:00-18:00', '2026-11-21T17:59:59.999Z', true],
    ['08:00-18:00', '2026-11-21T18:00:00.000Z', false],
    ['Mon-Fri 08:00-18:00', '2026-11-21T12:00:00Z', false],
    ['Sat 08:00-18:00', '2026-11-21T12:00:00Z', true],
    ['sat,SUN 08:00-18:00', '2026-11-22T12:00:00Z', true],
    ['Sat-Mon 08:00-18:00', '2026-11-23T12:00:00Z', true],
    ['Sat-Mon 08:00-18:00', '2026-11-24T12:00:00Z', false],
    ['Sat-Mon 08:00-18:00', '2026-11-27T12:00:00Z', false],
    ['Mon,Wed-Thu 08:00-18:00', '2026-11-26T12:00:00Z', true],
    ['Sat 22:00-06:00', '2026-11-21T22:00:00Z', true],
    ['Sat 22:00-06:00', '2026-11-22T05:59:59Z', true],
    ['Sat 22:00-06:00', '2026-11-22T06:00:00Z', false],
    ['Sat 22:00-06:00', '2026-11-21T05:00:00Z', false],
    ['Sun 22:00-06:00', '2026-11-23T05:00:00Z', true],
    ['Mon 22:00-06:00', '2026-11-23T05:00:00Z', false],
    ['00:00-24:00', '2026-11-21T23:59:59.999Z', true],
    ['Sat 00:00-24:00', '2026-11-22T00:00:00Z', false],
    ['Sat 23:00-24:00', '2026-11-21T23:59:59.999Z', true],
    ['Sat 23:00-00:00', '2026-11-21T23:59:59.999Z', true],
    ['Sat 23:00-00:00', '2026-11-22T00:00:00Z', false],
    ['23:59-00:01', '2026-11-21T00:00:59Z', true],
    ['Mon-Fri 08:00-18:00@Europe/Berlin', '2026-11-20T07:00:00Z', true],
    ['Mon-Fri 08:00-18:00@Europe/Berlin', '2026-11-20T17:00:00Z', false],
    ['Mon 00:00-01:00@Asia/Kolkata', '2026-11-22T18:30:00Z', true],
    ['Mon 00:00-01:00@Asia/Kathmandu', '2026-11-22T18:15:00Z', true],
    ['Mon 00:00-01:00@Asia/Kathmandu', '2026-11-22T18:14:59Z', false],
    ['Sun 23:00-24:00@Pacific/Kiritimati', '2026-11-22T09:00:00Z', true],
    // The clocks of Berlin show 02:30 on no instant of the one day, and on two of the other.
    ['02:00-03:00@Europe/Berlin', '2026-03-29T00:59:00Z', false],
    ['02:00-03:00@Europe/Berlin', '2026-03-29T01:00:00Z', false],
    ['02:00-03:00@Europe/Berlin', '2026-10-25T00:30:00Z', true],
    ['02:00-03:00@Europe/Berlin', '2026-10-25T01:30:00Z', true],
    ['02:00-03:00@Europe/Berlin', '2026-10-25T02:00:00Z', false],
  ])('%s at %s: %s', (text, instant, held) => {
    expect(within(text, instant)).toBe(held)
  })

  test('of several any will do, and of none nothing', () => {
    const list = ['Mon 08:00-12:00', 'Sat 08:00-12:00'].map(hoursOf)
    expect(isWithin(list, Date.parse('2026-11-21T09:00:00Z'))).toBe(true)
    expect(isWithin([], Date.parse('2026-11-21T09:00:00Z'))).toBe(false)
  })

  test.each([
    '',
    '8:00-18:00',
    '08:00',
    '08:00-18',
    '08:00 - 18:00',
    '08:00-18:00 ',
    '08:00-08:00',
    '00:00-00:00',
    '24:00-06:00',
    '08:60-18:00',
    '08:00-24:01',
    '25:00-26:00',
    'Mon08:00-18:00',
    'Mon  08:00-18:00',
    'Monday 08:00-18:00',
    'Mon- 08:00-18:00',
    'Mon-Tue-Wed 08:00-18:00',
    'Mon, 08:00-18:00',
    ',Mon 08:00-18:00',
    'Mon-Fri',
    '08:00-18:00@',
    '08:00-18:00@Mars/Olympus',
    '08:00-18:00 Europe/Berlin',
    '08:00-18:00@Europe/Berlin\n',
  ])('that nobody can read cannot be set: %j', (text) => {
    expect(parseHours(text)).toBeUndefined()
    expect(() => parseRestrictions({ ...NO_RESTRICTIONS, hours: [text] })).toThrow(/^hours /)
  })
})

/** Weeks in which clocks change, or nothing happens. */
const ZONES: readonly (readonly [zone: string, weekFrom: string])[] = [
  ['Europe/Berlin', '2026-03-26T00:00:00Z'],
  ['Europe/Berlin', '2026-10-22T00:00:00Z'],
  ['America/New_York', '2026-03-05T00:00:00Z'],
  ['America/New_York', '2026-10-29T00:00:00Z'],
  ['Australia/Lord_Howe', '2026-04-02T00:00:00Z'],
  ['Australia/Lord_Howe', '2026-10-01T00:00:00Z'],
  ['America/Santiago', '2026-09-03T00:00:00Z'],
  ['Asia/Kolkata', '2026-11-19T00:00:00Z'],
  ['Pacific/Chatham', '2026-09-24T00:00:00Z'],
  ['UTC', '2026-12-28T00:00:00Z'],
]

const NAMES: readonly string[] = DAYS

const two = (value: number) => String(value).padStart(2, '0')
const clockOf = (minute: number) => `${two(Math.floor(minute / 60))}:${two(minute % 60)}`

test('for every minute of a week in which clocks change: exactly what a clock on the wall says', () => {
  const asked = fc.record({
    week: fc.constantFrom(...ZONES),
    first: fc.nat(6),
    many: fc.integer({ min: 0, max: 6 }),
    from: fc.oneof(fc.nat(1_439), fc.constantFrom(0, 60, 119, 120, 121, 150, 180, 1_439)),
    to: fc.oneof(fc.integer({ min: 0, max: 1_440 }), fc.constantFrom(0, 60, 120, 180, 1_440)),
  })
  fc.assert(
    fc.property(asked, ({ week: [zone, weekFrom], first, many, from, to }) => {
      fc.pre(from !== to)
      const last = (first + many) % 7
      const text = `${DAYS[first]}-${DAYS[last]} ${clockOf(from)}-${clockOf(to)}@${zone}`
      const hours = [hoursOf(text)]
      const days = Array.from({ length: many + 1 }, (_, at) => NAMES[(first + at) % 7] ?? '')
      const wall = new Intl.DateTimeFormat('en-GB', {
        timeZone: zone,
        weekday: 'short',
        hour: '2-digit',
        minute: '2-digit',
      })
      const begin = Date.parse(weekFrom)
      for (let minute = 0; minute < 7 * 1_440; minute += 1) {
        const instant = begin + minute * MINUTE_MS
        const [, day = '', hour, minutes] = /^(\w+),? (\d\d):(\d\d)$/.exec(wall.format(instant)) ?? []
        const shown = `${hour}:${minutes}`
        const dayBefore = NAMES[(NAMES.indexOf(day) + 6) % 7] ?? ''
        const expected =
          from < to
            ? days.includes(day) && shown >= clockOf(from) && shown < clockOf(to)
            : (days.includes(day) && shown >= clockOf(from)) ||
              (days.includes(dayBefore) && shown < clockOf(to))
        if (isWithin(hours, instant + (minute % MINUTE_MS)) !== expected)
          expect.unreachable(`${text} at ${new Date(instant).toISOString()}`)
      }
    }),
    { numRuns: RUNS },
  )
})

test('what one zone showed in this minute is not told of another, nor of the next minute', () => {
  const berlin = hoursOf('08:00-09:00@Europe/Berlin')
  const utc = hoursOf('07:00-08:00')
  const kolkata = hoursOf('12:30-13:30@Asia/Kolkata')
  for (const [instant, held] of [
    ['2026-11-20T06:59:59.999Z', false],
    ['2026-11-20T07:00:00.000Z', true],
    ['2026-11-20T07:59:59.999Z', true],
    ['2026-11-20T08:00:00.000Z', false],
    ['2026-11-20T07:30:00.000Z', true],
  ] as const)
    expect([berlin, utc, kolkata].map((hours) => isWithin([hours], Date.parse(instant)))).toEqual([
      held,
      held,
      held,
    ])
})
