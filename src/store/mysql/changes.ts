// The change feed on MySQL, MariaDB and TiDB: one read by primary key as long as nothing changed.

import { createCall } from '../../kernel/call.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { ChangeSource } from '../../keys/change-feed.ts'
import { toNumberedChange } from '../change-row.ts'
import type { Row } from './connection.ts'
import type { ConnectionPool } from './connection-pool.ts'
import { toFailure } from './errors.ts'

const LAST = 'SELECT value AS number, token FROM change_counter WHERE id = 1'
const FROM = 'SELECT number, kind, subject, token FROM change_feed WHERE number >= ? ORDER BY number LIMIT ?'

/** A poll that takes longer than this says nothing in time. */
const POLL_TIMEOUT_MS = 2_000

/** `pool` is of its own: neither charges nor look-ups can hold the feed up. */
export const createMysqlChanges = (pool: ConnectionPool, clock: Clock): ChangeSource => {
  const ask = async (text: string, values: readonly string[]): Promise<readonly Row[]> => {
    const call = createCall(clock.monotonicMs() + POLL_TIMEOUT_MS)
    try {
      return await pool.use(
        call,
        async (connection) => (await connection.execute(text, values, call.deadlineMs)).rows,
      )
    } catch (error) {
      throw toFailure(error)
    }
  }
  return {
    last: async () => {
      const [row] = await ask(LAST, [])
      if (row === undefined) throw new Error('the counter of changes has lost its row')
      return { number: Number(row['number']), token: Number(row['token']) }
    },
    changesFrom: async (number, limit) =>
      (await ask(FROM, [String(number), String(limit)])).map(toNumberedChange),
  }
}
