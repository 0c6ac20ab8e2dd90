// The table of those who serve. Not a change of anybody's key, so it tells nobody.
import type { Clock } from '../../kernel/clock.ts'
import type { ReplicaBook } from '../../keys/replica-book.ts'
import type { Transactions } from './book-database.ts'

/** Rows of processes that ended without a good-bye are removed by whoever says one next. */
const REMOVED_AFTER_MS = 86_400_000

export const createReplicaBook = (transactions: Transactions, clock: Clock): ReplicaBook => ({
  confirm: ({ id, name, position, servesMs }) =>
    transactions.write(async ({ tx }) => {
      const row = { id, name, position, serves_ms: servesMs, seen_at: clock.now() }
      await tx.replaceInto('replica').values(row).execute()
    }),
  leave: (id) =>
    transactions.write(async ({ tx }) => {
      const oldMs = clock.now() - REMOVED_AFTER_MS
      await tx
        .deleteFrom('replica')
        .where((is) => is.or([is('id', '=', id), is('seen_at', '<', oldMs)]))
        .execute()
    }),
  heardSince: async (sinceMs) => {
    const rows = await transactions.read((db) =>
      db.selectFrom('replica').selectAll().where('seen_at', '>=', sinceMs).orderBy('name').execute(),
    )
    return rows.map(({ id, name, position, serves_ms: servesMs }) => ({ id, name, position, servesMs }))
  },
})
