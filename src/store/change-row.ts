// A row of the change feed as it is read; a kind that this program does not know was written by a newer one.
import type { Change, NumberedChange } from '../keys/change-feed.ts'

/** Columns number, kind, subject, token. */
export const toNumberedChange = (row: Readonly<Record<string, unknown>>): NumberedChange => ({
  number: Number(row['number']),
  token: Number(row['token']),
  change: toChange(String(row['kind']), String(row['subject'])),
})

const toChange = (kind: string, id: string): Change => {
  switch (kind) {
    case 'key':
    case 'owner':
      return { kind, id }
    case 'new_keys':
    case 'registry':
      return { kind }
    default:
      return { kind: 'everything' }
  }
}
