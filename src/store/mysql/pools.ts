// The connections to one server: small pools, so that none of their users can starve another.
import { createCall } from '../../kernel/call.ts'
import type { DatabaseClock } from '../../kernel/clock.ts'
import { Failure } from '../../kernel/failure.ts'
import type { MysqlConnection } from './connection.ts'
import { openConnection } from './connection.ts'
import type { ConnectionPool } from './connection-pool.ts'
import { createConnectionPool } from './connection-pool.ts'
import { messageOf, toFailure } from './errors.ts'
import type { MysqlTarget } from './mysql-url.ts'
import type { ServerFacts } from './session.ts'
import { prepareSession } from './session.ts'

export type MysqlOptions = Readonly<{
  /** Few: charges of one hot row wait for each other anyway, better here in order than there for a lock. */
  quotaConnections: number
  lookupConnections: number
  adminConnections: number
  /** Callers that may wait for a connection of one pool. */
  queueLimit: number
  connectTimeoutMs: number
  /** How long a book waits for a connection and for each statement. */
  adminTimeoutMs: number
  /** Called with each new connection before it is prepared and used. */
  onConnection: ((run: (text: string) => Promise<void>) => Promise<void>) | undefined
}>

export const DEFAULT_MYSQL_OPTIONS: MysqlOptions = {
  quotaConnections: 4,
  lookupConnections: 4,
  adminConnections: 2,
  queueLimit: 10_000,
  connectTimeoutMs: 3_000,
  adminTimeoutMs: 30_000,
  onConnection: undefined,
}

export type MysqlPools = Readonly<{
  quota: ConnectionPool
  lookup: ConnectionPool
  feed: ConnectionPool
  admin: ConnectionPool
  /** One more, which doubts its connections when one of the others is lost, and the other way round. */
  poolOf(size: number, open: () => Promise<MysqlConnection>): ConnectionPool
  /** For groups of charges: one packet may carry several statements, here alone. Throws what the driver throws. */
  openWriter(): Promise<MysqlConnection>
  /** A connection of its own for whoever closes it; throws Failure. */
  open(): Promise<MysqlConnection>
  /** Something small that is not part of a call, on a connection of the look-ups; throws Failure. */
  ask<T>(work: (connection: MysqlConnection, deadlineMs: number) => Promise<T>): Promise<T>
  system(): ServerFacts['system']
  close(): Promise<void>
}>

/** How long a statement may wait for a row: a charge gives up soon and tries again, a book may wait for many charges. */
const CHARGE_LOCK_WAIT_S = 1
const ADMIN_LOCK_WAIT_S = 10

export const createMysqlPools = (
  target: MysqlTarget,
  clock: DatabaseClock,
  options: MysqlOptions,
): MysqlPools => {
  const { queueLimit, connectTimeoutMs } = options
  let system: ServerFacts['system'] = 'mysql'
  const open = async (lockWaitS: number, multipleStatements = false): Promise<MysqlConnection> => {
    const connection = await openConnection(target, clock, connectTimeoutMs, multipleStatements)
    try {
      await options.onConnection?.(async (text) => {
        await connection.query(text, clock.monotonicMs() + connectTimeoutMs)
      })
      const deadlineMs = clock.monotonicMs() + connectTimeoutMs
      system = (await prepareSession(connection, { clock, lockWaitS, deadlineMs })).system
      return connection
    } catch (error) {
      connection.destroy()
      throw error
    }
  }
  const all: ConnectionPool[] = []
  /** Where the network was cut without a word, each idle connection would cost somebody a timeout to find out. */
  const lost = (sinceMs: number) => {
    for (const pool of all) pool.doubt(sinceMs)
  }
  const poolOf: MysqlPools['poolOf'] = (size, open) => {
    const pool = createConnectionPool({ size, queueLimit, clock, open, lost })
    all.push(pool)
    return pool
  }
  const quota = poolOf(options.quotaConnections, () => open(CHARGE_LOCK_WAIT_S))
  const lookup = poolOf(options.lookupConnections, () => open(CHARGE_LOCK_WAIT_S))
  const feed = poolOf(1, () => open(CHARGE_LOCK_WAIT_S))
  const admin = poolOf(options.adminConnections, () => open(ADMIN_LOCK_WAIT_S))
  return {
    quota,
    lookup,
    feed,
    admin,
    poolOf,
    openWriter: () => open(CHARGE_LOCK_WAIT_S, true),
    open: () => open(ADMIN_LOCK_WAIT_S).catch(throwUnreachable),
    ask: async (work) => {
      const call = createCall(clock.monotonicMs() + connectTimeoutMs)
      return lookup.use(call, (connection) => work(connection, call.deadlineMs)).catch(throwFailure)
    },
    system: () => system,
    close: async () => {
      await Promise.all([quota.close(), lookup.close(), feed.close(), admin.close()])
    },
  }
}

const throwFailure = (error: unknown): never => {
  throw toFailure(error)
}

const throwUnreachable = (cause: unknown): never => {
  if (cause instanceof Failure) throw cause
  throw new Failure('store_unavailable', `the database cannot be reached: ${messageOf(cause)}`, { cause })
}
