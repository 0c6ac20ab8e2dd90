// Runs kysely's queries on node:sqlite: one connection, one borrower at a time, no sleeping on the event loop.
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { setTimeout as delay, setImmediate as turnOfTheLoop } from 'node:timers/promises'
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from 'kysely'
import { CompiledQuery as Compiled } from 'kysely'
import type { Clock } from '../../kernel/clock.ts'
import { Failure } from '../../kernel/failure.ts'
import { isBusy } from './errors.ts'

/** `timeoutMs` bounds each wait: for the connection, and for another process's lock. */
export const createSqliteDriver = (database: DatabaseSync, clock: Clock, timeoutMs: number): Driver => {
  const connection = createConnection(database, clock, timeoutMs)
  const run = async (text: string) => {
    await connection.executeQuery(Compiled.raw(text))
  }
  const turns = createTurns(timeoutMs)
  return {
    init: () => Promise.resolve(),
    acquireConnection: async () => {
      await turns.take()
      return connection
    },
    releaseConnection: () => {
      turns.give()
      return Promise.resolve()
    },
    // IMMEDIATE takes the write lock at once: a read that turned into a write could only fail.
    beginTransaction: () => run('BEGIN IMMEDIATE'),
    commitTransaction: () => run('COMMIT'),
    rollbackTransaction: () => (database.isTransaction ? run('ROLLBACK') : Promise.resolve()),
    destroy: () => Promise.resolve(),
  }
}

/** A book with thousands of statements leaves the event loop to others so often. */
const STATEMENTS_PER_TURN = 32

const createConnection = (database: DatabaseSync, clock: Clock, timeoutMs: number): DatabaseConnection => {
  let statements = 0
  const executeQuery = async <R>(query: CompiledQuery): Promise<QueryResult<R>> => {
    statements += 1
    if (statements % STATEMENTS_PER_TURN === 0) await turnOfTheLoop()
    const giveUpMs = clock.monotonicMs() + timeoutMs
    for (;;) {
      try {
        return runQuery<R>(database, query)
      } catch (error) {
        // A busy statement did nothing, so it may be run again.
        if (!isBusy(error) || clock.monotonicMs() >= giveUpMs) throw error
      }
      await delay(1 + Math.random() * 4)
    }
  }
  return {
    executeQuery,
    streamQuery: () => {
      throw new Error('the books read whole results')
    },
  }
}

const runQuery = <R>(database: DatabaseSync, { sql, parameters }: CompiledQuery): QueryResult<R> => {
  const statement = database.prepare(sql)
  const values = parameters.map(toSqlite)
  if (statement.columns().length > 0) return { rows: statement.all(...values) as R[] }
  const { changes, lastInsertRowid } = statement.run(...values)
  return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
}

/** Numbers are bound as doubles unless they are BigInts. */
const toSqlite = (value: unknown): SQLInputValue => {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value
  if (value === null || typeof value === 'string' || typeof value === 'bigint' || value instanceof Uint8Array)
    return value
  throw new TypeError(`a ${typeof value} cannot be stored`)
}

/** First come, first served. */
const createTurns = (timeoutMs: number) => {
  const waiting: (() => void)[] = []
  let taken = false
  return {
    take: async (): Promise<void> => {
      if (!taken) {
        taken = true
        return
      }
      const turn = Promise.withResolvers<void>()
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(turn.resolve), 1)
        turn.reject(new Failure('overloaded', 'other management requests are in the way'))
      }, timeoutMs)
      waiting.push(turn.resolve)
      await turn.promise.finally(() => clearTimeout(timer))
    },
    give: (): void => {
      const next = waiting.shift()
      if (next === undefined) taken = false
      else next()
    },
  }
}
