// Labels: checked as people give them, kept as one JSON object.
import { Rejection } from '../../kernel/failure.ts'
import { parseName } from '../../kernel/name.ts'
import type { Labels } from '../../keys/virtual-key.ts'

/** They travel with every Allow. */
export const MAX_LABELS = 16

// Without quote, backslash and comma, so that it stands for itself in JSON and in a list.
const VALUE = /^[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,63}$/

/** null for none. */
export const labelsToColumn = (labels: Labels): string | null => {
  const entries = Object.entries(parseLabels(labels)).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return entries.length === 0 ? null : JSON.stringify(Object.fromEntries(entries))
}

export const parseLabels = (labels: Labels): Labels => {
  const entries = Object.entries(labels)
  if (entries.length > MAX_LABELS)
    throw new Rejection('invalid', `there are ${entries.length} labels, more than ${MAX_LABELS}`)
  for (const [name, value] of entries) parseLabel(name, value)
  return labels
}

export const parseLabel = (name: string, value: string): void => {
  parseName('label', name)
  if (!VALUE.test(value))
    throw new Rejection(
      'invalid',
      `label ${name} has the value ${JSON.stringify(value.slice(0, 128))}, which must be 1 to 63 visible ASCII characters without quote, backslash and comma`,
    )
}

/** Whether labels have all that is wanted; an undefined value stands for any. */
export const bears = (labels: Labels, wanted: Readonly<Record<string, string | undefined>>): boolean =>
  Object.entries(wanted).every(
    ([name, value]) => Object.hasOwn(labels, name) && (value === undefined || labels[name] === value),
  )
