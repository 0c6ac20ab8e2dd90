// The table of those who serve. Not a change of anybody's key, so it tells nobody.
import type { Clock } from '../../kernel/clock.ts'
import type { ReplicaBook } from '../../keys/replica-book.ts'
import type { Transactions } from './book-database.ts'

/** Rows of processes that ended without a good-bye are removed by whoever comes next. */
const REMOVED_AFTER_MS = 86_400_000

export const createReplicaBook = (transactions: Transactions, clock: Clock): ReplicaBook => ({
  confirm: async ({ id, name, position, servesMs }) =>
    transactions.write(async ({ tx }) => {
      const row = { name, position, serves_ms: servesMs, seen_at: clock.now() }
      const { numUpdatedRows } = await tx
        .updateTable('replica')
        .set(row)
        .where('id', '=', id)
        .executeTakeFirstOrThrow()
      if (numUpdatedRows > 0n) return
      await tx
        .deleteFrom('replica')
        .where('seen_at', '<', row.seen_at - REMOVED_AFTER_MS)
        .execute()
      await tx
        .insertInto('replica')
        .values({ id, ...row })
        .execute()
    }),
  leave: (id) =>
    transactions.write(async ({ tx }) => {
      await tx.deleteFrom('replica').where('id', '=', id).execute()
    }),
  heardSince: async (sinceMs) => {
    const rows = await transactions.read((db) =>
      db.selectFrom('replica').selectAll().where('seen_at', '>=', sinceMs).orderBy('name').execute(),
    )
    return rows.map(({ id, name, position, serves_ms: servesMs }) => ({ id, name, position, servesMs }))
  },
})
