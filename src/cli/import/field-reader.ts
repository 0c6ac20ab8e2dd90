// Reads the fields of one record, each as the kind it must be; what is wrong is noted, and reading goes on.
import { dateExists } from '../instant.ts'
import { parseJson } from './parse-json.ts'
import type { ImportRecord } from './records.ts'

export type FieldReader = Readonly<{
  /** undefined when it is missing, ignored, or not of this kind, which is noted. */
  text(name: string): string | undefined
  /** JSON, or `{a,b}` as PostgreSQL writes arrays. */
  list(name: string): readonly string[] | undefined
  /** An object of texts, or its JSON. */
  pairs(name: string): Readonly<Record<string, string>> | undefined
  wholeNumber(name: string): number | undefined
  /** UTC milliseconds; without an offset it is UTC. */
  instant(name: string): number | undefined
  flag(name: string): boolean | undefined
  /** Says nothing that matters here. */
  pass(name: string): void
  /** The same, unless it is anything but a no. */
  passNo(name: string): void
  /** Notes what is wrong. */
  fault(sentence: string): void
  /** Names of fields that say something and were not read. */
  unread(): readonly string[]
  faults(): readonly string[]
}>

export const createFieldReader = (
  { where, fields }: ImportRecord,
  ignored: ReadonlySet<string>,
): FieldReader => {
  const faults: string[] = []
  const read = new Set<string>()
  const fault = (sentence: string) => void faults.push(`${where}: ${sentence}`)
  const value = (name: string): unknown => {
    read.add(name)
    const held = fields.get(name)
    return ignored.has(name) || isAbsent(held) ? undefined : held
  }
  const as = <T>(name: string, what: string, parse: (held: unknown) => T | undefined): T | undefined => {
    const held = value(name)
    if (held === undefined) return undefined
    const parsed = parse(held)
    if (parsed === undefined) fault(`${name} must be ${what}`)
    return parsed
  }
  return {
    text: (name) => as(name, 'a text', (held) => (typeof held === 'string' ? held : undefined)),
    list: (name) => as(name, 'a list of texts', parseList),
    pairs: (name) => as(name, 'an object of texts', parsePairs),
    wholeNumber: (name) => as(name, 'a whole number', parseWholeNumber),
    instant: (name) => as(name, 'a date and time such as 2027-01-31T09:00:00Z', parseTimestamp),
    flag: (name) => as(name, 'true or false', parseFlag),
    pass: (name) => void read.add(name),
    passNo: (name) => {
      if (parseFlag(fields.get(name)) === false) read.add(name)
    },
    fault,
    unread: () =>
      [...fields].flatMap(([name, held]) =>
        read.has(name) || ignored.has(name) || isEmpty(held) ? [] : [name],
      ),
    faults: () => faults,
  }
}

const FLAGS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['t', true],
  ['1', true],
  ['false', false],
  ['f', false],
  ['0', false],
])

const parseFlag = (held: unknown): boolean | undefined => {
  if (typeof held === 'boolean') return held
  return typeof held === 'string' ? FLAGS.get(held.toLowerCase()) : undefined
}

/** An empty list is not among it: it may mean that nothing is admitted. */
const isAbsent = (held: unknown): boolean => held === undefined || held === null || held === ''

/** What limits nobody, in JSON or as a cell. A no is not among it: `enabled: false` says something. */
const isEmpty = (held: unknown): boolean => {
  if (held === undefined || held === null) return true
  if (typeof held === 'string') return EMPTY_TEXTS.has(held.trim().toLowerCase())
  return typeof held === 'object' && Object.keys(held).length === 0
}

const EMPTY_TEXTS = new Set(['', '[]', '{}', 'null'])

const parseList = (held: unknown): readonly string[] | undefined => {
  const list: unknown = typeof held === 'string' ? listFromText(held) : held
  if (!Array.isArray(list)) return undefined
  const texts = list.filter((entry): entry is string => typeof entry === 'string')
  return texts.length === list.length ? texts : undefined
}

const listFromText = (text: string): unknown => {
  if (/^\{.*\}$/s.test(text))
    return [...text.slice(1, -1).matchAll(/"((?:[^"\\]|\\.)*)"|([^,]+)/g)].map(
      ([, quoted, plain]) => quoted?.replaceAll(/\\(.)/g, '$1') ?? plain,
    )
  return parseJson(text)
}

const parsePairs = (held: unknown): Readonly<Record<string, string>> | undefined => {
  const pairs: unknown = typeof held === 'string' ? parseJson(held) : held
  if (typeof pairs !== 'object' || pairs === null || Array.isArray(pairs)) return undefined
  const texts = Object.entries(pairs).filter((pair): pair is [string, string] => typeof pair[1] === 'string')
  return texts.length === Object.keys(pairs).length ? Object.fromEntries(texts) : undefined
}

const parseWholeNumber = (held: unknown): number | undefined => {
  const number = typeof held === 'string' && /^\d{1,16}$/.test(held) ? Number(held) : held
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : undefined
}

const parseTimestamp = (held: unknown): number | undefined => {
  const [, date, time, offset = 'Z'] = typeof held === 'string' ? (INSTANT.exec(held) ?? []) : []
  if (date === undefined || time === undefined) return undefined
  const hours = /^[+-]\d\d$/.test(offset) ? `${offset}:00` : offset
  const instantMs = Date.parse(`${date}T${time}${hours}`)
  return Number.isNaN(instantMs) || !dateExists(date) ? undefined : instantMs
}

const INSTANT = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)\d*(Z|[+-]\d{2}(?::?\d{2})?)?$/
