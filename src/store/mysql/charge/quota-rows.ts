// The classifying read: why rows did not take a charge, and what the database's clock says.
import type { Call } from '../../../kernel/call.ts'
import type { DatabaseClock } from '../../../kernel/clock.ts'
import type { QuotaRow } from '../../../quota/charge-plan.ts'
import type { Quota } from '../../../quota/quota.ts'
import type { MysqlConnection, Row } from '../connection.ts'
import type { ConnectionPool } from '../connection-pool.ts'
import type { TracedStatements } from '../traced-statements.ts'
import { READ, readRows } from './direct-statements.ts'

export type QuotaAccess = Readonly<{ pool: ConnectionPool; clock: DatabaseClock; traced: TracedStatements }>

/** `nowMs` is the database's clock; without any row it is our estimate of it. */
export type QuotaRows = Readonly<{ rows: readonly QuotaRow[]; nowMs: number }>

export const readQuotaRows = async (
  { clock, traced }: QuotaAccess,
  connection: MysqlConnection,
  quotas: readonly Quota[],
  call: Call,
): Promise<QuotaRows> => {
  call.storeReads += 1
  const sentMs = clock.monotonicMs()
  const text = readRows(quotas.map(({ id }) => id))
  const { rows } = await traced.query(connection, READ, text, call.deadlineMs)
  const first = rows[0]
  if (first === undefined) return { rows: [], nowMs: clock.now() }
  const nowMs = integer(first, 'now_ms')
  clock.observe(nowMs, sentMs, clock.monotonicMs())
  return { rows: rows.map(toQuotaRow), nowMs }
}

const toQuotaRow = (row: Row): QuotaRow => ({
  id: integer(row, 'id'),
  amount: integer(row, 'amount'),
  used: integer(row, 'used'),
  windowEndMs: integer(row, 'window_end'),
  usableUntilMs: integer(row, 'usable_until'),
})

const integer = (row: Row, column: string): number => {
  const value = row[column]
  if (typeof value !== 'number' || !Number.isSafeInteger(value))
    throw new TypeError(`${column} is not a whole number`)
  return value
}
