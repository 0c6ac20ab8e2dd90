// Values of a look-up's row by the names of their columns, each of the kind that it must be.

export type LookUpRow = Readonly<Record<string, unknown>>

export const text = (row: LookUpRow, column: string): string => {
  const value = row[column]
  if (typeof value !== 'string') throw new TypeError(`column ${column} is not text`)
  return value
}

export const integer = (row: LookUpRow, column: string): number => {
  const value = row[column]
  if (typeof value !== 'number' || !Number.isSafeInteger(value))
    throw new TypeError(`column ${column} is not a whole number`)
  return value
}

export const optionalInteger = (row: LookUpRow, column: string): number | undefined =>
  row[column] === null ? undefined : integer(row, column)
