// What the rows of a look-up say of each digest that was asked for.
import { digestName } from '../kernel/digest-name.ts'
import type { KeyLookup } from '../keys/key-store.ts'
import type { QuotaView } from '../quota/quota-view.ts'
import { learnRows, lookupFromRow } from './look-up-row.ts'
import type { LookUpRow } from './row-values.ts'

/** `era`: of the view of the hot rows, from before the statement was sent. */
export type LookUpReply = Readonly<{ rows: readonly LookUpRow[]; era: number }>

/**
 * In the order of `digests`. There is a row, with its `hash`, for each digest that is known and, when none is, one row without.
 * All of them are of one instant, so any of them says what that was. An Error for a row that cannot be understood.
 */
export const answersFrom = (
  { rows, era }: LookUpReply,
  digests: readonly Uint8Array[],
  view: QuotaView,
): readonly (KeyLookup | Error)[] => {
  const [any] = rows
  if (any === undefined) throw new Error('the registry has lost its row')
  let nobodys: KeyLookup | undefined
  const absent = () => (nobodys ??= lookupFromRow(withoutKey(any)))
  const found = new Map(
    rows.flatMap((row) =>
      row['hash'] instanceof Uint8Array ? [[digestName(row['hash']), answerFrom(row, era, view)]] : [],
    ),
  )
  return digests.map((digest) => found.get(digestName(digest)) ?? absent())
}

/** Not a copy of all its columns: there are forty, and most rows of a flood are without a key. */
const withoutKey = (row: LookUpRow): LookUpRow => ({
  k_id: null,
  change_number: row['change_number'],
  registry_version: row['registry_version'],
  registry_document: row['registry_document'],
})

const answerFrom = (row: LookUpRow, era: number, view: QuotaView): KeyLookup | Error => {
  try {
    learnRows(view, row, era)
    return lookupFromRow(row)
  } catch (error) {
    return error instanceof Error ? error : new Error('a row that cannot be read', { cause: error })
  }
}
