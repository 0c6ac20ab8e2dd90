// A file of keys is read whole, whatever it is written in, and each record knows its line.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseCsv } from '../../../src/cli/import/csv.ts'
import { createFieldReader } from '../../../src/cli/import/field-reader.ts'
import { readRecords } from '../../../src/cli/import/records.ts'

const read = (file: string) => {
  const { records, faults } = readRecords(file)
  return { faults, records: records.map(({ where, fields }) => [where, Object.fromEntries(fields)]) }
}

test('CSV: quoted cells hold commas, quotes and line breaks, and lines are counted through them', () => {
  expect(parseCsv('a,b\r\n"x, ""y""","1\n2"\r\n\n,\nlast,"z"')).toEqual([
    { line: 1, cells: ['a', 'b'] },
    { line: 2, cells: ['x, "y"', '1\n2'] },
    { line: 5, cells: ['', ''] },
    { line: 6, cells: ['last', 'z'] },
  ])
  expect(() => parseCsv('a\n"open')).toThrow('line 2: a quoted cell is not closed')
  expect(() => parseCsv('a\n"x"y')).toThrow('line 2: a quoted cell must be followed')
})

test('CSV: whatever is written is read back', () => {
  const cell = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r', ' ', 'é') })
  const rows = fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { maxLength: 6 })
  fc.assert(
    fc.property(rows, (table) => {
      const text = table
        .map((cells) => cells.map((value) => `"${value.replaceAll('"', '""')}"`).join())
        .join('\r\n')
      expect(parseCsv(text).map(({ cells }) => cells)).toEqual(table)
    }),
  )
})

test('JSON lines, a JSON array, the list of an API and CSV are told apart', () => {
  expect(read('{"a":1}\n\n {"a":2}\n')).toEqual({
    faults: [],
    records: [
      ['line 1', { a: 1 }],
      ['line 3', { a: 2 }],
    ],
  })
  expect(read('\u{feff}[{"a":1},{"a":2}]').records).toEqual([
    ['entry 1', { a: 1 }],
    ['entry 2', { a: 2 }],
  ])
  expect(read('{"keys":[{"a":1}],\n"total":1}').records).toEqual([['entry 1', { a: 1 }]])
  expect(read('a, b\n1,2\n').records).toEqual([['line 2', { a: '1', b: '2' }]])
  expect(read(' \n')).toEqual({ faults: [], records: [] })
})

test('a line that cannot be read is named, and the others are read on', () => {
  expect(read('{"a":1}\n{"a":\n[]\n{"a":2}')).toEqual({
    faults: ['line 2: not a JSON object', 'line 3: not a JSON object'],
    records: [
      ['line 1', { a: 1 }],
      ['line 4', { a: 2 }],
    ],
  })
  expect(read('a,b\n1\n2,3').faults).toEqual(['line 2: 1 cells below a heading of 2'])
  expect(() => read('[{')).toThrow('begins like a JSON array')
  expect(() => read('a,a\n1,2')).toThrow('names a column twice')
})

const reader = (fields: Readonly<Record<string, unknown>>, ignored: readonly string[] = []) =>
  createFieldReader({ where: 'line 7', fields: new Map(Object.entries(fields)) }, new Set(ignored))

test('lists come as JSON, as PostgreSQL writes arrays, or as they are', () => {
  const row = reader({
    a: ['x'],
    b: '["x","y z"]',
    c: '{x,"y \\"z\\"",w}',
    d: '{}',
    e: [],
    f: '',
    g: 'x',
    h: [1],
  })
  const lists = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map(row.list)
  expect(lists).toEqual([['x'], ['x', 'y z'], ['x', 'y "z"', 'w'], [], [], undefined, undefined, undefined])
  expect(row.faults()).toEqual(['line 7: g must be a list of texts', 'line 7: h must be a list of texts'])
})

test('instants are UTC unless they say otherwise, and exist', () => {
  const instants = {
    a: '2027-01-31 09:00:00.123456',
    b: '2027-01-31T09:00:00+01:00',
    c: '2027-01-31 09:00:00+01',
    d: '2027-02-30T09:00:00Z',
    e: 'soon',
    f: '2027-01-31T09:00Z',
  }
  const row = reader(instants)
  expect(Object.keys(instants).map((name) => row.instant(name))).toEqual([
    Date.UTC(2027, 0, 31, 9, 0, 0, 123),
    Date.UTC(2027, 0, 31, 8),
    Date.UTC(2027, 0, 31, 8),
    undefined,
    undefined,
    Date.UTC(2027, 0, 31, 9),
  ])
  expect(row.faults()).toHaveLength(2)
})

test('a flag or a number that is none is a fault, never a silent no', () => {
  const row = reader({ a: 't', b: false, c: 'maybe', d: '12', e: 12.5, f: null, g: 'FALSE' })
  expect([row.flag('a'), row.flag('b'), row.flag('c'), row.flag('f'), row.flag('g')]).toEqual([
    true,
    false,
    undefined,
    undefined,
    false,
  ])
  expect([row.wholeNumber('d'), row.wholeNumber('e')]).toEqual([12, undefined])
  expect(row.faults()).toEqual(['line 7: c must be true or false', 'line 7: e must be a whole number'])
})

test('what says something and was not read is named, unless it is ignored', () => {
  const row = reader({ a: 1, b: 0, c: '', d: {}, e: 'null', f: false, g: 'x', h: '{}' }, ['g'])
  row.wholeNumber('a')
  expect(row.unread()).toEqual(['b', 'f'])
  expect(row.text('g')).toBeUndefined()
})
