// CSV as databases and spreadsheets write it (RFC 4180), with the line on which each row begins.
import { Rejection } from '../../kernel/failure.ts'

export type CsvRow = Readonly<{ line: number; cells: readonly string[] }>

/** Quoted cells may hold commas, line breaks and doubled quotes. Empty lines are passed over. Throws Rejection. */
export const parseCsv = (text: string): readonly CsvRow[] => {
  const rows: CsvRow[] = []
  let line = 1
  let at = 0
  while (at < text.length) {
    const began = line
    const cells: string[] = []
    for (let more = true; more; ) {
      const cell = text[at] === '"' ? quotedCell(text, at, line) : plainCell(text, at)
      cells.push(cell.value)
      line += cell.breaks
      at = cell.end
      more = text[at] === ','
      at += more ? 1 : 0
    }
    const end = /\r\n|\n|\r/y
    end.lastIndex = at
    const ended = end.exec(text)
    if (ended === null && at < text.length)
      throw new Rejection(
        'invalid',
        `line ${line}: a quoted cell must be followed by a comma or the line's end`,
      )
    at += ended?.[0].length ?? 0
    line += 1
    if (cells.length > 1 || cells[0] !== '') rows.push({ line: began, cells })
  }
  return rows
}

type Cell = Readonly<{ value: string; end: number; breaks: number }>

const plainCell = (text: string, start: number): Cell => {
  const end = /[,\r\n]|$/g
  end.lastIndex = start
  const at = end.exec(text)?.index ?? text.length
  return { value: text.slice(start, at), end: at, breaks: 0 }
}

const quotedCell = (text: string, start: number, line: number): Cell => {
  for (let at = start + 1; ; at += 2) {
    at = text.indexOf('"', at)
    if (at < 0) throw new Rejection('invalid', `line ${line}: a quoted cell is not closed`)
    if (text[at + 1] === '"') continue
    const value = text.slice(start + 1, at)
    return {
      value: value.replaceAll('""', '"'),
      end: at + 1,
      breaks: value.match(/\r\n|\n|\r/g)?.length ?? 0,
    }
  }
}
