// One connection: statements with a deadline, and no doubt about whether it is still good.
import type { Socket } from 'node:net'
import { connect as connectSocket } from 'node:net'
import type { Connection, ConnectionOptions, QueryResult, ResultSetHeader } from 'mysql2'
import { createConnection } from 'mysql2'
import type { Clock } from '../../kernel/clock.ts'
import { createBreakage } from './breakage.ts'
import { ConnectionLost, NeverSent, StatementTimeout } from './errors.ts'
import type { MysqlTarget } from './mysql-url.ts'

export type Row = Readonly<Record<string, unknown>>

export type Reply = Readonly<{
  rows: readonly Row[]
  /** Rows changed, not rows matched. */
  affectedRows: number
  insertId: number
}>

export type MysqlConnection = Readonly<{
  /** As text. Whoever calls this lets nothing but integers and constants enter the text. */
  query(text: string, deadlineMs: number): Promise<Reply>
  /** Several statements in one packet, on a connection that may; `onReply` is told of each one that was answered. */
  queryAll(text: string, deadlineMs: number, onReply: () => void): Promise<readonly Reply[]>
  /** Prepared, and kept prepared. Integers go as strings: this driver sends numbers as doubles. */
  execute(text: string, values: readonly (string | Buffer | null)[], deadlineMs: number): Promise<Reply>
  /** Cuts the connection. What it was asked to do may still happen. */
  destroy(): void
  /** Says good-bye. */
  end(): Promise<void>
  isBroken(): boolean
  /** Told once, when the connection is cut or lost. Returns how to stop listening. */
  onBroken(listener: () => void): () => void
}>

export const openConnection = async (
  target: MysqlTarget,
  clock: Clock,
  connectTimeoutMs: number,
  multipleStatements = false,
): Promise<MysqlConnection> => {
  const socket = openSocket(target)
  const connection = createConnection({
    ...optionsFor(target, socket, connectTimeoutMs),
    multipleStatements,
  })
  const opened = Promise.withResolvers<void>()
  connection.once('connect', () => opened.resolve())
  connection.once('error', opened.reject)
  const wrapped = wrapConnection(connection, socket, clock)
  try {
    await opened.promise
  } catch (error) {
    wrapped.destroy()
    throw error
  }
  return wrapped
}

/** Ours, so that it can be cut: the driver's own destroy() only says that it has nothing more to send. */
const openSocket = ({ host, port, socketPath }: MysqlTarget): Socket => {
  if (socketPath !== undefined) return connectSocket(socketPath)
  const socket = connectSocket(port, host)
  socket.setNoDelay(true)
  socket.setKeepAlive(true, 10_000)
  return socket
}

const MAX_PREPARED_STATEMENTS = 64

const optionsFor = (target: MysqlTarget, socket: Socket, connectTimeoutMs: number): ConnectionOptions => ({
  host: target.host,
  port: target.port,
  stream: socket,
  user: target.user,
  password: target.password,
  database: target.database,
  connectTimeout: connectTimeoutMs,
  charset: 'utf8mb4_bin',
  timezone: 'Z',
  // Changed rows are counted, not matched ones; and no server may ask for a file of this machine.
  flags: ['-FOUND_ROWS', '-LOCAL_FILES'],
  supportBigNumbers: true,
  jsonStrings: true,
  maxPreparedStatements: MAX_PREPARED_STATEMENTS,
  ...(target.tls === undefined
    ? {}
    : {
        ssl: {
          rejectUnauthorized: true,
          verifyIdentity: true,
          minVersion: 'TLSv1.2',
          ...(target.tls.ca === undefined ? {} : { ca: target.tls.ca }),
        },
      }),
})

const GOOD_BYE_MS = 1_000

type Done<T> = (error: Error | null, result: T) => void
type Send<T> = (done: Done<T>) => void

const wrapConnection = (connection: Connection, socket: Socket, clock: Clock): MysqlConnection => {
  const breakage = createBreakage()
  connection.on('error', breakage.happened)
  connection.on('end', breakage.happened)
  socket.on('close', breakage.happened)
  const destroy = () => {
    breakage.happened()
    connection.destroy()
    socket.destroy()
  }
  const run = async <T>(deadlineMs: number, send: Send<T>): Promise<T> => {
    if (breakage.hasHappened()) throw new NeverSent('the connection was lost before')
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const late = () => {
      reject(new StatementTimeout('no answer in time'))
      destroy()
    }
    const timer = setTimeout(late, Math.max(0, deadlineMs - clock.monotonicMs()))
    // A connection that is cut forgets the callbacks of its statements.
    const forget = breakage.listen(() => reject(new ConnectionLost('the connection was lost')))
    send((error, result) => (error === null ? resolve(result) : reject(error)))
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      forget()
    }
  }
  return {
    query: async (text, deadlineMs) =>
      toReply(await run<QueryResult>(deadlineMs, (done) => connection.query(text, done))),
    queryAll: (text, deadlineMs, onReply) => run(deadlineMs, sendAll(connection, text, onReply)),
    execute: async (text, values, deadlineMs) =>
      toReply(await run<QueryResult>(deadlineMs, (done) => connection.execute(text, [...values], done))),
    destroy,
    end: async () => {
      if (breakage.hasHappened()) return
      const ended = Promise.withResolvers<void>()
      const timer = setTimeout(ended.resolve, GOOD_BYE_MS)
      connection.end(() => ended.resolve())
      await ended.promise
      clearTimeout(timer)
      destroy()
    },
    isBroken: breakage.hasHappened,
    onBroken: breakage.listen,
  }
}

const toReply = (result: QueryResult): Reply => {
  if (Array.isArray(result))
    return { rows: result as unknown as readonly Row[], affectedRows: 0, insertId: 0 }
  return { rows: [], affectedRows: result.affectedRows, insertId: result.insertId }
}

/** With a callback the driver would forget, on an error, which statements were answered before it. */
const sendAll =
  (connection: Connection, text: string, onReply: () => void): Send<readonly Reply[]> =>
  (done) => {
    const replies: Reply[] = []
    let rows: Row[] | undefined
    connection
      .query(text)
      .on('fields', (fields?: unknown) => {
        // Told before each result; without columns it is one of changed rows.
        rows = fields === undefined ? undefined : []
        if (rows !== undefined) replies.push({ rows, affectedRows: 0, insertId: 0 })
      })
      .on('result', (result: Row | ResultSetHeader) => {
        if (rows !== undefined) rows.push(result as Row)
        else {
          replies.push(toReply(result as ResultSetHeader))
          onReply()
        }
      })
      .on('error', (error: Error) => done(error, replies))
      .on('end', () => done(null, replies))
  }
