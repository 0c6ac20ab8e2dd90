// Every transaction of a book ends with the changes it made, numbered without gaps in the order of commits.
import { randomInt } from 'node:crypto'
import { sql } from 'kysely'
import type { Clock } from '../../kernel/clock.ts'
import type { Change } from '../../keys/change-feed.ts'
import type { DatabaseTransaction } from '../schema.ts'
import type { BookDatabase, Transactions } from './book-database.ts'

type Deps = Readonly<{
  transactions: Transactions
  clock: Clock
  /** Called after a commit. */
  announce: (change: Change) => void
}>

export type LoggedBooks = Readonly<{
  database: BookDatabase
  /** True for the token of a change that was announced here already, as long as it is lately. */
  isAnnounced(token: number): boolean
}>

/** A replica reads its feed every few hundred milliseconds; what is forgotten of these is only applied twice. */
const REMEMBERED_TOKENS = 1_000

export const withChangeLog = ({ transactions, clock, announce }: Deps): LoggedBooks => {
  const announced = new Set<number>()
  const remember = (token: number) => {
    announced.add(token)
    const [oldest] = announced
    if (announced.size > REMEMBERED_TOKENS && oldest !== undefined) announced.delete(oldest)
  }
  const write: BookDatabase['write'] = async (work) => {
    let changes: Change[] = []
    let token = 0
    const result = await transactions.write(async (scope) => {
      // Of an attempt that came to nothing, nothing is told.
      changes = []
      const done = await work({ ...scope, changed: (change) => changes.push(change) })
      token = randomInt(1, 2 ** 47)
      await appendChanges(scope.tx, changes, token, clock.now())
      return done
    })
    for (const change of changes) announce(change)
    if (changes.length > 0) remember(token)
    return result
  }
  const { read, isDuplicate } = transactions
  return { database: { read, isDuplicate, write }, isAnnounced: (token) => announced.has(token) }
}

const KEPT_CHANGES = 100_000
/** A statement has room for some 32,000 values. */
const ROWS_PER_STATEMENT = 1_000

/**
 * The counter's row stays locked until commit: whoever gets the next number commits later. Last in the transaction, so that it is
 * held for as short as can be.
 */
const appendChanges = async (
  tx: DatabaseTransaction,
  changes: readonly Change[],
  token: number,
  nowMs: number,
): Promise<void> => {
  if (changes.length === 0) return
  const { numUpdatedRows } = await tx
    .updateTable('change_counter')
    .set({ value: sql`value + ${changes.length}`, token })
    .where('id', '=', 1)
    .executeTakeFirstOrThrow()
  if (numUpdatedRows !== 1n) throw new Error('the counter of changes has lost its row')
  const { value } = await tx
    .selectFrom('change_counter')
    .select('value')
    .where('id', '=', 1)
    .executeTakeFirstOrThrow()
  const first = value - changes.length + 1
  const rows = changes.map((change, at) => ({
    number: first + at,
    kind: change.kind,
    subject: 'id' in change ? change.id : '',
    token,
    changed_at: nowMs,
  }))
  for (let at = 0; at < rows.length; at += ROWS_PER_STATEMENT)
    await tx
      .insertInto('change_feed')
      .values(rows.slice(at, at + ROWS_PER_STATEMENT))
      .execute()
  // A reader that far behind forgets everything anyway.
  await tx
    .deleteFrom('change_feed')
    .where('number', '<', first - KEPT_CHANGES)
    .execute()
}
