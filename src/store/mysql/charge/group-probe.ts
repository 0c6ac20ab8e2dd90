// Does this very connection raise where the grouped form must? Tried on two rows that are never committed.
import { randomInt } from 'node:crypto'
import type { GroupRow } from '../../../quota/group-writer.ts'
import { FOREVER } from '../../../quota/quota.ts'
import type { MysqlConnection } from '../connection.ts'
import { isCheckViolated, isSyntaxError } from '../errors.ts'
import { chargeGroup } from './group-statement.ts'

/**
 * The reason why charges cannot be grouped here, or undefined when they can. An error that says nothing of it is
 * thrown as it is. Leaves nothing behind.
 */
export const probeGroupedForm = async (
  connection: MysqlConnection,
  deadlineMs: number,
): Promise<string | undefined> => {
  const query = async (text: string) => (await connection.query(text, deadlineMs)).rows
  if (!(await takesSeveral(connection, deadlineMs))) return 'a packet may carry one statement only'
  const [settings] = await query('SELECT @@SESSION.sql_mode AS sql_mode, @@SESSION.autocommit AS autocommit')
  if (!/STRICT_(ALL|TRANS)_TABLES/.test(String(settings?.['sql_mode']))) return 'the strict mode is off'
  if (Number(settings?.['autocommit']) !== 1) return 'autocommit is off'
  await query('BEGIN')
  try {
    return await tryRows(query)
  } finally {
    await query('ROLLBACK')
  }
}

/** A proxy in between may not. */
const takesSeveral = async (connection: MysqlConnection, deadlineMs: number): Promise<boolean> => {
  try {
    await connection.queryAll('SELECT 1; SELECT 2', deadlineMs, () => {})
    return true
  } catch (error) {
    if (isSyntaxError(error)) return false
    throw error
  }
}

type Query = (text: string) => Promise<readonly Readonly<Record<string, unknown>>[]>

const tryRows = async (query: Query): Promise<string | undefined> => {
  // Ids of limits are positive, and another replica's probe draws others.
  const open = -randomInt(1, 2 ** 47)
  const full = open - 1
  await query(`INSERT INTO quota (id, amount, used, window_start, window_end, usable_until)
    VALUES (${open}, 10, 7, 0, 1000, ${FOREVER}), (${full}, 1, 1, 0, ${FOREVER}, ${FOREVER})`)
  const read = async () => {
    const rows = await query(
      `SELECT used, window_start, window_end FROM quota WHERE id IN (${full}, ${open}) ORDER BY id`,
    )
    return rows.map((row) => Object.values(row).join(' ')).join(', ')
  }
  const untouched = await read()
  const row = (id: number): GroupRow => ({ id, units: 2, windowStartMs: 500, windowEndMs: FOREVER })
  try {
    await query(chargeGroup([row(full), row(open)]))
    return 'a CHECK that does not hold is not enforced'
  } catch (error) {
    if (!isCheckViolated(error)) throw error
  }
  if ((await read()) !== untouched) return 'a statement that failed changed rows'
  await query(chargeGroup([row(open)]))
  const expected = `1 0 ${FOREVER}, 2 1000 ${FOREVER}`
  const charged = await read()
  return charged === expected ? undefined : `an UPDATE assigned ${charged} in place of ${expected}`
}
