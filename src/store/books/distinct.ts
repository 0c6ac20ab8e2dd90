// A list as people give it: each entry once, and not too many.
import { Rejection } from '../../kernel/failure.ts'

/** A key entry must stay small enough to be cached by the ten thousand. */
export const MAX_LIST_ENTRIES = 256

export const distinct = (what: string, entries: readonly string[]): readonly string[] => {
  const list = [...new Set(entries)]
  if (list.length > MAX_LIST_ENTRIES)
    throw new Rejection('invalid', `${what} has ${list.length} entries, more than ${MAX_LIST_ENTRIES}`)
  return list
}
