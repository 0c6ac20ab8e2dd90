// The classifying read: why rows did not take a charge, and what the database's clock says.
import type { Call } from '../../../kernel/call.ts'
import type { DatabaseClock } from '../../../kernel/clock.ts'
import type { RowsRead } from '../../../quota/charge-plan.ts'
import type { Quota } from '../../../quota/quota.ts'
import { toQuotaRow } from '../../quota-row.ts'
import type { MysqlConnection, Row } from '../connection.ts'
import type { ConnectionPool } from '../connection-pool.ts'
import type { TracedStatements } from '../traced-statements.ts'
import { READ, readRows } from './direct-statements.ts'

export type QuotaAccess = Readonly<{ pool: ConnectionPool; clock: DatabaseClock; traced: TracedStatements }>

export const readQuotaRows = async (
  { clock, traced }: QuotaAccess,
  connection: MysqlConnection,
  quotas: readonly Quota[],
  call: Call,
): Promise<RowsRead> => {
  call.storeReads += 1
  const sentMs = clock.monotonicMs()
  const text = readRows(quotas.map(({ id }) => id))
  const { rows } = await traced.query(connection, READ, text, call.deadlineMs)
  return toRowsRead(rows, clock, sentMs)
}

/** Teaches the clock. Without any row the database's clock is our estimate of it. */
export const toRowsRead = (rows: readonly Row[], clock: DatabaseClock, sentMs: number): RowsRead => {
  const nowMs = rows[0]?.['now_ms']
  if (typeof nowMs !== 'number') return { rows: [], nowMs: clock.now() }
  clock.observe(nowMs, sentMs, clock.monotonicMs())
  return { rows: rows.map(toQuotaRow), nowMs }
}
