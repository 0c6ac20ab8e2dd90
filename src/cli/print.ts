// Prints records and lists: JSON for machines, tables for people.
import type { Output } from './output.ts'
import type { Row } from './table.ts'
import { formatRecord, formatTable } from './table.ts'

/** JSON is one array; of the table, `columns` are shown. */
export const printList = (
  output: Output,
  { json = false, columns, empty }: { json?: boolean | undefined; columns: readonly string[]; empty: string },
  rows: readonly Row[],
): void => {
  if (json) output.line(`[${rows.map(toJson).join(',\n ')}]`)
  else if (rows.length === 0) output.note(empty)
  else output.line(formatTable(columns, rows))
}

export const printRecord = (
  output: Output,
  { json = false }: { json?: boolean | undefined },
  row: Row,
): void =>
  output.line(
    json
      ? toJson(row)
      : formatRecord({ ...row, ...('models' in row ? { models: row['models'] ?? 'all' } : {}) }),
  )

/** A change that succeeded: the record for machines, one sentence for people. */
export const printChanged = (
  output: Output,
  { json = false }: { json?: boolean | undefined },
  row: Row,
  sentence: string,
): void => (json ? output.line(toJson(row)) : output.note(sentence))

/** One line; what is not known or not set is null, so that every field is always there. */
export const toJson = (row: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(row, (_name, value: unknown) => value ?? null)
