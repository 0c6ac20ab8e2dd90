// What an error of MySQL, MariaDB or TiDB says about the statement: did it take effect, and is the connection still good?
import { Failure, Rejection } from '../../kernel/failure.ts'

/** The statement was not sent: the connection had died before. */
export class NeverSent extends Error {
  override readonly name = 'NeverSent'
}

/** The connection went away under the statement. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost'
}

/** We stopped waiting. What the server does with the statement is not known. */
export class StatementTimeout extends Error {
  override readonly name = 'StatementTimeout'
}

/**
 * Before COMMIT nothing can have taken effect; an autocommit UPDATE and a COMMIT may have. Once the charge was answered
 * (`charged`) no error of what came with it means that nothing happened.
 */
export type Phase = 'before_commit' | 'autocommit' | 'commit' | 'charged'

export type Verdict = Readonly<{
  effect: 'none' | 'unknown'
  /** `destroy`: the connection is in a state that nobody knows. */
  connection: 'keep' | 'destroy'
  /** True when the same may well succeed in a moment, maybe elsewhere. */
  again: boolean
}>

const DUPLICATE_ENTRY = 1062
const SYNTAX_ERROR = 1064
const NO_SUCH_TABLE = 1146
/** CREATE USER of a name that there is. */
const CANNOT_USER = 1396
/** A CHECK does not hold: MariaDB, MySQL and TiDB. */
const CHECK_VIOLATED = [4025, 3819]
const DEADLOCK = 1213
/** Lock wait timeout; a row changed since this snapshot was taken (MariaDB from 11.8). */
const LOCK_NOT_GRANTED = [1205, 1020]
/** Read-only server, read-only transaction, super-read-only. */
const READ_ONLY = [1290, 1792, 1836]
/** A cluster node that left; error during commit; interrupted; killed; shutdown; over time. */
const CUT_SHORT = [1047, 1180, 1317, 1927, 1053, 1969, 3024]

/** The table of errors; `docs` of each number: https://mariadb.com/kb/en/mariadb-error-code-reference/ */
export const verdictOn = (error: unknown, phase: Phase): Verdict => {
  if (phase === 'charged') return { effect: 'unknown', connection: 'destroy', again: false }
  if (error instanceof NeverSent || isClosedState(error))
    return { effect: 'none', connection: 'destroy', again: true }
  const effect = phase === 'before_commit' ? 'none' : 'unknown'
  if (error instanceof StatementTimeout) return { effect, connection: 'destroy', again: false }
  const number = serverErrorOf(error)
  if (number === undefined) return { effect, connection: 'destroy', again: effect === 'none' }
  if (number === DEADLOCK) return { effect: 'none', connection: 'keep', again: true }
  if (CUT_SHORT.includes(number)) return { effect, connection: 'destroy', again: effect === 'none' }
  if (READ_ONLY.includes(number) && phase !== 'commit')
    return { effect: 'none', connection: 'destroy', again: true }
  if (LOCK_NOT_GRANTED.includes(number) && phase !== 'commit')
    return { effect: 'none', connection: 'keep', again: true }
  return phase === 'commit'
    ? { effect: 'unknown', connection: 'destroy', again: false }
    : { effect: 'none', connection: 'keep', again: false }
}

export const isDuplicate = (error: unknown): boolean => serverErrorOf(error) === DUPLICATE_ENTRY

/** A row would break its CHECK: the statement changed nothing at all. */
export const isCheckViolated = (error: unknown): boolean => CHECK_VIOLATED.includes(serverErrorOf(error) ?? 0)

export const isDeadlock = (error: unknown): boolean => serverErrorOf(error) === DEADLOCK

export const isSyntaxError = (error: unknown): boolean => serverErrorOf(error) === SYNTAX_ERROR

export const isMissingTable = (error: unknown): boolean => serverErrorOf(error) === NO_SUCH_TABLE

export const isAccountThere = (error: unknown): boolean => serverErrorOf(error) === CANNOT_USER

/** An error of the database becomes a Failure; our own and our mistakes stay what they are. */
export const toFailure = (error: unknown, chargeUnknown = false): unknown => {
  if (error instanceof Failure || error instanceof Rejection) return error
  if (error instanceof StatementTimeout)
    return new Failure('store_unavailable', 'the database did not answer in time', {
      cause: error,
      chargeUnknown,
    })
  if (!isDatabaseError(error)) return error
  const hint = isMissingTable(error) ? ' (was it migrated?)' : ''
  return new Failure('store_unavailable', `the database failed: ${messageOf(error)}${hint}`, {
    cause: error,
    chargeUnknown,
  })
}

/** Errors of several addresses of one name have no message of their own. */
export const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  if (error.message !== '') return error.message
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}

/** The number, when it was the server that refused; undefined for a connection that failed. */
const serverErrorOf = (error: unknown): number | undefined =>
  error instanceof Error && 'sqlState' in error && 'errno' in error && typeof error.errno === 'number'
    ? error.errno
    : undefined

const isClosedState = (error: unknown): boolean =>
  error instanceof Error && error.message === "Can't add new command when connection is in closed state"

const isDatabaseError = (error: unknown): boolean =>
  error instanceof NeverSent ||
  error instanceof ConnectionLost ||
  (error instanceof Error &&
    ('sqlState' in error || 'fatal' in error || 'code' in error || 'syscall' in error))
