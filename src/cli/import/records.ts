// A file of keys as records, whatever it is written in: JSON lines, a JSON array, or CSV with a heading.
import { Rejection } from '../../kernel/failure.ts'
import { parseCsv } from './csv.ts'
import { parseJson } from './parse-json.ts'

/** `where`: `line 3`, or `entry 3` of an array. Cells of CSV are texts. */
export type ImportRecord = Readonly<{ where: string; fields: ReadonlyMap<string, unknown> }>

/** Throws Rejection when the file as a whole cannot be read; of a line that cannot, the sentence stands in `faults`. */
export const readRecords = (
  file: string,
): Readonly<{ records: readonly ImportRecord[]; faults: readonly string[] }> => {
  const text = file.replace(/^\u{feff}/u, '')
  const first = text.trimStart()[0]
  if (first === undefined) return { records: [], faults: [] }
  if (first === '[') return fromArray(text)
  return first === '{' ? fromLines(text) : fromCsv(text)
}

const fromArray = (text: string) => {
  const list = parseJson(text)
  if (!Array.isArray(list)) throw new Rejection('invalid', 'the file begins like a JSON array but is none')
  return collect(list.map((value: unknown, index) => ({ where: `entry ${index + 1}`, value })))
}

/** One object a line, as a log or `keys create --json` writes them; or one object around a list, as an API answers. */
const fromLines = (text: string) => {
  const whole = parseJson(text)
  if (isObject(whole) && Array.isArray(whole['keys'])) return fromArray(JSON.stringify(whole['keys']))
  const lines = text.split('\n').map((line, index) => ({ where: `line ${index + 1}`, line: line.trim() }))
  return collect(
    lines.filter(({ line }) => line !== '').map(({ where, line }) => ({ where, value: parseJson(line) })),
  )
}

const fromCsv = (text: string) => {
  const [heading, ...rows] = parseCsv(text)
  const names = heading?.cells.map((name) => name.trim()) ?? []
  if (new Set(names).size !== names.length)
    throw new Rejection('invalid', 'the CSV heading names a column twice')
  const faults: string[] = []
  const records: ImportRecord[] = []
  for (const { line, cells } of rows) {
    const where = `line ${line}`
    if (cells.length === names.length)
      records.push({ where, fields: new Map(names.map((name, at) => [name, cells[at]])) })
    else faults.push(`${where}: ${cells.length} cells below a heading of ${names.length}`)
  }
  return { records, faults }
}

const collect = (values: readonly Readonly<{ where: string; value: unknown }>[]) => {
  const faults: string[] = []
  const records: ImportRecord[] = []
  for (const { where, value } of values)
    if (isObject(value)) records.push({ where, fields: new Map(Object.entries(value)) })
    else faults.push(`${where}: not a JSON object`)
  return { records, faults }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
