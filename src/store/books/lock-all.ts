// Locks for those who read or change everything at once, in the order of locks.ts.
import { sql } from 'kysely'
import type { WriteScope } from './book-database.ts'

/** Until the end of the transaction no book commits. For a transaction that locks nothing else. */
export const lockChanges = async ({ tx, locksRows }: WriteScope): Promise<void> => {
  await tx
    .selectFrom('change_counter')
    .select('value')
    .where('id', '=', 1)
    .$if(locksRows, (query) => query.forUpdate())
    .executeTakeFirstOrThrow()
}

/** By path ascending, as everybody locks them: the index is named, or a server would go by id. */
export const lockAllOwners = async ({ tx, locksRows }: WriteScope): Promise<void> => {
  if (locksRows) await sql`SELECT id FROM owner FORCE INDEX (owner_path) ORDER BY path FOR UPDATE`.execute(tx)
}

const IDS_PER_STATEMENT = 256

/** By id ascending, as charges lock them, whichever statements then write them. */
export const lockQuotas = async (
  { tx, locksRows }: WriteScope,
  quotaIds: readonly number[],
): Promise<void> => {
  const ids = [...new Set(quotaIds)].toSorted((a, b) => a - b)
  for (let at = 0; locksRows && at < ids.length; at += IDS_PER_STATEMENT)
    await tx
      .selectFrom('quota')
      .select('id')
      .where('id', 'in', ids.slice(at, at + IDS_PER_STATEMENT))
      .orderBy('id')
      .forUpdate()
      .execute()
}
