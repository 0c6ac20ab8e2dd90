// Groups of charges on MySQL, MariaDB and TiDB: one connection, and what is certain when something fails on it.
import { setTimeout as delay } from 'node:timers/promises'
import { createCall } from '../../../kernel/call.ts'
import { Failure } from '../../../kernel/failure.ts'
import type { RowsRead } from '../../../quota/charge-plan.ts'
import type { GroupReply, GroupRow, GroupWriter } from '../../../quota/group-writer.ts'
import type { MysqlConnection, Reply } from '../connection.ts'
import type { Phase, Verdict } from '../errors.ts'
import { isCheckViolated, isDeadlock, toFailure, verdictOn } from '../errors.ts'
import { COMMIT, ROLLBACK } from './direct-statements.ts'
import {
  chargeGroup,
  GROUP_CHARGE,
  GROUP_LOCK,
  GROUP_READ,
  LOCKED_CHARGE,
  lockGroup,
  readGroup,
} from './group-statement.ts'
import type { QuotaAccess } from './quota-rows.ts'
import { toRowsRead } from './quota-rows.ts'

/**
 * Attempts that certainly had no effect: locks not granted, connections that were dead before. Deadlocks are not counted: on Galera, when three
 * nodes write one row, each attempt loses as often as it wins, and who loses is told within milliseconds.
 */
const MAX_FAULTS = 4

/** Where an attempt stands when an error comes, which decides what the error means. */
type Attempt = { phase: Phase; inTransaction: boolean; readonly deadlineMs: number }

/** The pool holds one connection, whose packets may carry several statements. */
export const createMysqlGroupWriter = (deps: QuotaAccess): GroupWriter => ({
  charge: (rows, alsoRead, deadlineMs) =>
    untilKnown(deps, deadlineMs, (connection, attempt) => charge(deps, connection, attempt, rows, alsoRead)),
  chargeLocked: (ids, plan, deadlineMs) =>
    untilKnown(deps, deadlineMs, (connection, attempt) => chargeLocked(deps, connection, attempt, ids, plan)),
  read: (ids, deadlineMs) =>
    untilKnown(deps, deadlineMs, async (connection) => {
      const sentMs = deps.clock.monotonicMs()
      const reply = await deps.traced.query(connection, GROUP_READ, readGroup(ids), deadlineMs)
      return toRowsRead(reply.rows, deps.clock, sentMs)
    }),
})

const charge = async (
  { clock, traced }: QuotaAccess,
  connection: MysqlConnection,
  attempt: Attempt,
  rows: readonly GroupRow[],
  alsoRead: readonly number[],
): Promise<GroupReply> => {
  const ids = rows.map(({ id }) => id)
  const text = `${chargeGroup(rows)}; ${readGroup([...new Set([...ids, ...alsoRead])])}`
  attempt.phase = 'autocommit'
  const acknowledged = () => {
    attempt.phase = 'charged'
  }
  const sentMs = clock.monotonicMs()
  try {
    const [update, view] = await traced.queryAll(
      connection,
      GROUP_CHARGE,
      text,
      attempt.deadlineMs,
      acknowledged,
    )
    if (update?.affectedRows !== rows.length) return { kind: 'torn' }
    return { kind: 'charged', read: toRowsRead(view?.rows ?? [], clock, sentMs) }
  } catch (error) {
    if (attempt.phase === 'autocommit' && isCheckViolated(error)) return { kind: 'raised' }
    throw error
  }
}

/**
 * Three packets. COMMIT never shares one with a charge: on Galera a brute-force abort between them rolls the charge back, and COMMIT still
 * answers OK.
 */
const chargeLocked = async (
  deps: QuotaAccess,
  connection: MysqlConnection,
  attempt: Attempt,
  ids: readonly number[],
  plan: (read: RowsRead) => readonly GroupRow[],
): Promise<GroupReply> => {
  const { clock, traced } = deps
  const { deadlineMs } = attempt
  const rollBack = async () => {
    await traced.query(connection, ROLLBACK, ROLLBACK.text, deadlineMs)
    attempt.inTransaction = false
  }
  attempt.inTransaction = true
  const sentMs = clock.monotonicMs()
  const locked: readonly Reply[] = await traced.queryAll(
    connection,
    GROUP_LOCK,
    lockGroup(ids),
    deadlineMs,
    () => {},
  )
  const read = toRowsRead(locked[1]?.rows ?? [], clock, sentMs)
  const rows = plan(read)
  if (rows.length === 0) {
    await rollBack()
    return { kind: 'charged', read }
  }
  try {
    const { affectedRows } = await traced.query(connection, LOCKED_CHARGE, chargeGroup(rows), deadlineMs)
    if (affectedRows !== rows.length) throw new Error('a row was lost under its lock')
  } catch (error) {
    if (!isCheckViolated(error)) throw error
    await rollBack()
    return { kind: 'raised' }
  }
  attempt.phase = 'commit'
  await traced.query(connection, COMMIT, COMMIT.text, deadlineMs)
  attempt.inTransaction = false
  return { kind: 'charged', read }
}

/** Again, as long as it is certain that nothing happened and time is left. */
const untilKnown = async <T>(
  { pool, clock }: QuotaAccess,
  deadlineMs: number,
  work: (connection: MysqlConnection, attempt: Attempt) => Promise<T>,
): Promise<T> => {
  let faults = 0
  for (;;) {
    const attempt: Attempt = { phase: 'before_commit', inTransaction: false, deadlineMs }
    const beganMs = clock.monotonicMs()
    try {
      return await pool.use(createCall(deadlineMs), (connection) => onConnection(connection, attempt, work))
    } catch (error) {
      if (!isOfTheDatabase(error)) throw error
      const { effect, again, connection } = verdictOn(error, attempt.phase)
      if (effect === 'unknown' || !again) throw toFailure(error, effect === 'unknown')
      if (!isDeadlock(error)) faults += 1
      const nowMs = clock.monotonicMs()
      // One that lasts as long again must end in time: what we cut off is unknown, and this is not.
      if (faults >= MAX_FAULTS || nowMs + (nowMs - beganMs) >= deadlineMs) throw givenUp(error, connection)
    }
    await delay(1 + Math.random() * 4)
  }
}

/** A connection of which nobody knows the state is cut; so is one with an open transaction, which rolls it back. */
const onConnection = async <T>(
  connection: MysqlConnection,
  attempt: Attempt,
  work: (connection: MysqlConnection, attempt: Attempt) => Promise<T>,
): Promise<T> => {
  try {
    return await work(connection, attempt)
  } catch (error) {
    if (attempt.inTransaction || verdictOn(error, attempt.phase).connection === 'destroy')
      connection.destroy()
    throw error
  }
}

/** Rows that somebody else holds are the trouble of those who want them, and not of the database. */
const givenUp = (cause: unknown, connection: Verdict['connection']): unknown =>
  connection === 'keep'
    ? new Failure('overloaded', 'rows of this charge were held by somebody else for too long', { cause })
    : toFailure(cause)

const isOfTheDatabase = (error: unknown): boolean => toFailure(error) !== error
