// Rows that another transaction holds, and the charges that wait for them.
import type { Quota } from '../../src/quota/quota.ts'
import type { MysqlConnection } from '../../src/store/mysql/connection.ts'
import { openConnection } from '../../src/store/mysql/connection.ts'
import { parseMysqlUrl } from '../../src/store/mysql/mysql-url.ts'
import { createManualClock } from './manual-clock.ts'

export type HeldRows = Readonly<{
  /** In the transaction that holds them. */
  run(text: string): Promise<void>
  letGo(): Promise<void>
}>

/** Of a clock that stands still no statement is ever late. */
const clock = createManualClock()
const soon = () => clock.monotonicMs() + 60_000

export const holdRows = async (url: string, quotas: readonly Quota[]): Promise<HeldRows> => {
  const connection: MysqlConnection = await openConnection(parseMysqlUrl(url), clock, 3_000)
  const run = async (text: string) => {
    await connection.query(text, soon())
  }
  await run('BEGIN')
  for (const { id } of quotas) await run(`SELECT id FROM quota WHERE id = ${id} FOR UPDATE`)
  return {
    run,
    letGo: async () => {
      await run('COMMIT')
      await connection.end()
    },
  }
}

/** Connections to this database on which a charge is under way, and not the trial of a new one, whose ids are negative; `run` asks the server. */
export const chargesInFlight = async (
  run: (text: string) => Promise<readonly Readonly<Record<string, unknown>>[]>,
  url: string,
): Promise<readonly number[]> => {
  const database = new URL(url).pathname.slice(1)
  const rows = await run(
    `SELECT id FROM information_schema.processlist
     WHERE db = '${database}' AND info LIKE 'UPDATE quota%' AND info NOT LIKE '%(-%'`,
  )
  return rows.map(({ id }) => Number(id))
}
