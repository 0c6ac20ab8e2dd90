// Runs kysely's queries on our own connections: prepared, with a deadline, never more of them than the pool has.
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from 'kysely'
import { createCall } from '../../kernel/call.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { MysqlConnection } from './connection.ts'
import type { ConnectionPool } from './connection-pool.ts'

/** `timeoutMs` bounds each wait: for a connection, and for each statement. */
export const createMysqlDriver = (pool: ConnectionPool, clock: Clock, timeoutMs: number): Driver => {
  const deadline = () => clock.monotonicMs() + timeoutMs
  const borrowed = new WeakMap<DatabaseConnection, MysqlConnection>()
  const connectionOf = (connection: DatabaseConnection): MysqlConnection => {
    const found = borrowed.get(connection)
    if (found === undefined) throw new Error('this connection was not borrowed here')
    return found
  }
  const run = async (connection: DatabaseConnection, text: string) => {
    await connectionOf(connection).query(text, deadline())
  }
  return {
    init: () => Promise.resolve(),
    acquireConnection: async () => {
      const mysql = await pool.acquire(createCall(deadline()))
      const connection = createConnection(mysql, deadline)
      borrowed.set(connection, mysql)
      return connection
    },
    releaseConnection: (connection) => {
      pool.release(connectionOf(connection))
      return Promise.resolve()
    },
    beginTransaction: (connection) => run(connection, 'BEGIN'),
    // Whether a COMMIT that failed took effect is not known; its connection must not be used again.
    commitTransaction: (connection) =>
      run(connection, 'COMMIT').catch((error: unknown) => {
        connectionOf(connection).destroy()
        throw error
      }),
    rollbackTransaction: (connection) =>
      run(connection, 'ROLLBACK').catch(() => {
        connectionOf(connection).destroy()
      }),
    destroy: () => Promise.resolve(),
  }
}

const createConnection = (mysql: MysqlConnection, deadline: () => number): DatabaseConnection => ({
  executeQuery: async <R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> => {
    const reply =
      parameters.length === 0
        ? await mysql.query(sql, deadline())
        : await mysql.execute(sql, parameters.map(toMysql), deadline())
    return {
      rows: [...reply.rows] as R[],
      numAffectedRows: BigInt(reply.affectedRows),
      insertId: BigInt(reply.insertId),
    }
  },
  streamQuery: () => {
    throw new Error('the books read whole results')
  },
})

/** Numbers would be sent as doubles. */
const toMysql = (value: unknown): string | Buffer | null => {
  if (value === null || typeof value === 'string') return value
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value)
  if (value instanceof Uint8Array) return Buffer.from(value)
  throw new TypeError(`a ${typeof value} cannot be stored`)
}
