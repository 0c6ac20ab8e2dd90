// Connections to MySQL that answer by script, and the errors that they may answer with.
import type { MysqlConnection, Reply } from '../../src/store/mysql/connection.ts'
import type { ConnectionPool } from '../../src/store/mysql/connection-pool.ts'

/** What one packet is answered, statement by statement; an error ends it. */
export type Answers = readonly (Reply | Error)[]

/** Answers packet after packet by the script; tells what was sent, and how many connections were cut. */
export const createScriptedPool = (script: readonly Answers[]) => {
  const sent: string[] = []
  let cut = 0
  const left = [...script]
  const answer = async (text: string, onReply: () => void): Promise<readonly Reply[]> => {
    sent.push(text.replace(/;?\s.*/s, text.startsWith('BEGIN;') ? ' and lock' : ''))
    const replies: Reply[] = []
    for (const one of left.shift() ?? []) {
      if (one instanceof Error) throw one
      replies.push(one)
      if (one.rows.length === 0) onReply()
    }
    return replies
  }
  const connection: MysqlConnection = {
    query: async (text) => {
      const [reply] = await answer(text, () => {})
      return reply ?? changed(0)
    },
    queryAll: (text, _, onReply) => answer(text, onReply),
    execute: () => Promise.reject(new Error('a charge is never prepared')),
    destroy: () => {
      cut += 1
    },
    end: async () => {},
    isBroken: () => false,
    onBroken: () => () => {},
  }
  const pool: ConnectionPool = {
    use: (_, work) => work(connection),
    acquire: async () => connection,
    release: () => {},
    doubt: () => {},
    close: async () => {},
  }
  return { pool, sent, cut: () => cut }
}

export const changed = (affectedRows: number): Reply => ({ rows: [], affectedRows, insertId: 0 })

/** As a server refuses. */
export const serverError = (errno: number): Error =>
  Object.assign(new Error(`server error ${errno}`), { errno, sqlState: 'HY000', code: 'ER' })
/** As a connection fails. */
export const networkError = (code: string): Error => Object.assign(new Error(code), { code, fatal: true })
/** As the driver refuses to send. */
export const closedState: Error = Object.assign(
  new Error("Can't add new command when connection is in closed state"),
  { fatal: true },
)
