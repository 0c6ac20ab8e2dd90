// Statements of the hot path, each under its span.
import type { Statement } from '../statement-span.ts'
import { startStatementSpan } from '../statement-span.ts'
import type { MysqlConnection, Reply } from './connection.ts'
import type { ServerFacts } from './session.ts'

export type TracedStatements = Readonly<{
  /** `text` is the statement with its integers in it; the span shows the one with question marks. */
  query(connection: MysqlConnection, statement: Statement, text: string, deadlineMs: number): Promise<Reply>
  queryAll(
    connection: MysqlConnection,
    statement: Statement,
    text: string,
    deadlineMs: number,
    onReply: () => void,
  ): Promise<readonly Reply[]>
  execute(
    connection: MysqlConnection,
    statement: Statement,
    values: readonly (string | Buffer | null)[],
    deadlineMs: number,
  ): Promise<Reply>
}>

export const createTracedStatements = (system: () => ServerFacts['system']): TracedStatements => {
  const run = async <T>(statement: Statement, work: () => Promise<T>): Promise<T> => {
    const span = startStatementSpan(system(), statement)
    try {
      return await work()
    } catch (error) {
      span.fail(error)
      throw error
    } finally {
      span.end()
    }
  }
  return {
    query: (connection, statement, text, deadlineMs) =>
      run(statement, () => connection.query(text, deadlineMs)),
    queryAll: (connection, statement, text, deadlineMs, onReply) =>
      run(statement, () => connection.queryAll(text, deadlineMs, onReply)),
    execute: (connection, statement, values, deadlineMs) =>
      run(statement, () => connection.execute(statement.text, values, deadlineMs)),
  }
}
