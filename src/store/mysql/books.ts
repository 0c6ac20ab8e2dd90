// Transactions of the books on MySQL: repeated when the database asks for it, never when their end is unknown.
import { setTimeout as delay } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { Failure } from '../../kernel/failure.ts'
import type { TransactionScope, Transactions } from '../books/book-database.ts'
import type { Schema } from '../schema.ts'
import { isDuplicate, toFailure, verdictOn } from './errors.ts'

const MAX_ATTEMPTS = 6

export const createMysqlTransactions = (db: Kysely<Schema>): Transactions => ({
  read: (work) => orFailure(() => work(db)),
  write: <T>(work: (scope: TransactionScope) => Promise<T>) => orFailure(() => writeUntilDone(db, work)),
  isDuplicate,
})

const writeUntilDone = async <T>(
  db: Kysely<Schema>,
  work: (scope: TransactionScope) => Promise<T>,
): Promise<T> => {
  for (let attempt = 1; ; attempt += 1) {
    let committing = false
    try {
      return await db.transaction().execute(async (tx) => {
        const result = await work({ tx, locksRows: true })
        committing = true
        return result
      })
    } catch (error) {
      const { again, effect } = verdictOn(error, committing ? 'commit' : 'before_commit')
      if (effect === 'unknown')
        throw new Failure(
          'store_unavailable',
          'the database was lost during COMMIT: the change may or may not be made',
          {
            cause: error,
          },
        )
      if (!again || attempt >= MAX_ATTEMPTS || toFailure(error) === error) throw error
    }
    await delay(5 + Math.random() * 20)
  }
}

/** Duplicates are the books' own to explain. */
const orFailure = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    throw isDuplicate(error) ? error : toFailure(error)
  }
}
