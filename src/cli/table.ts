// Lists and records for people: aligned columns, nothing else.

export type Cell = string | number | boolean | undefined
export type Row = Readonly<Record<string, Cell | readonly string[] | Readonly<Record<string, string>>>>

/** One row a line below a heading of the columns' names; numbers stand to the right. */
export const formatTable = (columns: readonly string[], rows: readonly Row[]): string => {
  const cells = rows.map((row) => columns.map((column) => formatCell(row[column])))
  const headings = columns.map((column) => column.replaceAll('_', ' ').toUpperCase())
  const widths = headings.map((heading, index) =>
    Math.max(widthOf(heading), ...cells.map((line) => widthOf(line[index] ?? ''))),
  )
  const right = columns.map(
    (column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'),
  )
  return [headings, ...cells]
    .map((line) =>
      line
        .map((cell, index) => aligned(cell, widths[index] ?? 0, right[index] === true))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** One field a line, names aligned. */
export const formatRecord = (row: Row): string => {
  const width = Math.max(...Object.keys(row).map((name) => name.length))
  return Object.entries(row)
    .map(([name, value]) => `${name.replaceAll('_', ' ').padEnd(width)}  ${formatCell(value)}`.trimEnd())
    .join('\n')
}

const formatCell = (value: Row[string]): string => {
  if (value === undefined) return '-'
  if (typeof value !== 'object') return visible(String(value))
  const list = Array.isArray(value) ? value : Object.entries(value).map((pair) => pair.join('='))
  return list.length === 0 ? 'none' : list.map(visible).join(', ')
}

/** A name that somebody stored must not steer the terminal of who lists it. */
const visible = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}')

const aligned = (cell: string, width: number, right: boolean): string => {
  const padding = ' '.repeat(Math.max(0, width - widthOf(cell)))
  return right ? padding + cell : cell + padding
}

/** Code points: enough for names, which are what people type. */
const widthOf = (text: string): number => Array.from(text).length
