// Settings of the server under which a charge that was answered could be forgotten.
import type { MysqlConnection } from './connection.ts'

export const readDurabilityWarnings = async (
  connection: MysqlConnection,
  deadlineMs: number,
): Promise<readonly string[]> => {
  const { rows } = await connection.query(
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('innodb_flush_log_at_trx_commit', 'log_bin', 'sync_binlog')",
    deadlineMs,
  )
  const settings = new Map(rows.map((row) => [String(row['Variable_name']), String(row['Value'])]))
  const warnings: string[] = []
  const flush = settings.get('innodb_flush_log_at_trx_commit')
  if (flush !== undefined && flush !== '1')
    warnings.push(
      `innodb_flush_log_at_trx_commit is ${flush}, not 1: a crash may undo charges that were answered`,
    )
  const binlog = settings.get('log_bin')
  const sync = settings.get('sync_binlog')
  if ((binlog === 'ON' || binlog === '1') && sync !== undefined && sync !== '1')
    warnings.push(`sync_binlog is ${sync}, not 1: after a crash replicas may lack charges that were answered`)
  return warnings
}
