import { describe, expect, test } from 'vitest'
import { parseInstant } from '../../src/cli/instant.ts'
import { formatLimit, parseLimit } from '../../src/cli/limit-text.ts'
import { formatRecord, formatTable } from '../../src/cli/table.ts'

describe('instants', () => {
  const nowMs = Date.UTC(2026, 10, 21)
  test.each([
    ['30d', nowMs + 2_592_000_000],
    ['2027-01-31', Date.UTC(2027, 0, 31)],
    ['2028-02-29', Date.UTC(2028, 1, 29)],
    ['2027-01-31T09:00Z', Date.UTC(2027, 0, 31, 9)],
    ['2027-01-31T09:00:00.250+01:00', Date.UTC(2027, 0, 31, 8, 0, 0, 250)],
  ])('%s is understood', (text, expected) => expect(parseInstant('--expires', text, nowMs)).toBe(expected))

  test.each([
    '2027-02-29',
    '2027-02-30',
    '2027-13-01',
    '2027-01-31T09:00',
    '2027-01-31T25:00Z',
    '31.1.2027',
    'soon',
    '',
    '99999999d',
  ])('%j is refused, blaming the option', (text) =>
    expect(() => parseInstant('--expires', text, nowMs)).toThrow(/^--expires .* must be a time from now/),
  )
})

describe('limits', () => {
  test.each([
    ['requests=100/day', { unit: 'requests', amount: 100, period: 'day', zone: 'UTC' }],
    ['requests=10K/minute', { unit: 'requests', amount: 10_000, period: 'minute', zone: 'UTC' }],
    ['requests=0/total', { unit: 'requests', amount: 0, period: 'total', zone: 'UTC' }],
    [
      'requests=1m/month@Europe/Berlin',
      { unit: 'requests', amount: 1_000_000, period: 'month', zone: 'Europe/Berlin' },
    ],
  ])('%s is understood', (text, expected) => {
    expect(parseLimit(text)).toEqual(expected)
    expect(parseLimit(formatLimit(parseLimit(text)))).toEqual(expected)
  })

  test.each([
    ['tokens=1M/month', /only requests can be limited, not tokens/],
    ['cost=50usd/month', /only requests can be limited, not cost/],
    ['requests=100', /must look like requests=100\/day/],
    ['requests=-1/day', /must be a whole number/],
    ['requests=1.5/day', /must be a whole number/],
    ['requests=100/fortnight', /must be one of minute, hour, day, week, month, total/],
    ['requests=100/day@Mars/Olympus', /time zone "Mars\/Olympus" is unknown/],
    ['100/day', /must look like/],
  ])('%s is refused in words', (text, expected) => expect(() => parseLimit(text)).toThrow(expected))
})

describe('tables', () => {
  test('columns are aligned, numbers to the right, and no line ends in blanks', () => {
    const rows = [
      { name: 'ci', used: 7, models: ['gpt-4o*', 'o3'], hint: undefined },
      { name: 'développement', used: 1_000, models: [], hint: 'abcd' },
    ]
    expect(formatTable(['name', 'used', 'models', 'hint'], rows).split('\n')).toEqual([
      'NAME           USED  MODELS       HINT',
      'ci                7  gpt-4o*, o3  -',
      'développement  1000  none         abcd',
    ])
    expect(formatRecord({ id: 'key_1', expires_at: undefined }).split('\n')).toEqual([
      'id          key_1',
      'expires at  -',
    ])
  })

  test('a stored name cannot steer the terminal', () => {
    const table = formatTable(['name'], [{ name: 'evil\u001b[2J\r\n\u202egnp' }])
    expect(table).toBe('NAME\nevil\ufffd[2J\ufffd\ufffd\ufffdgnp')
  })
})
