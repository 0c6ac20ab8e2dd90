// What SQLite's errors mean for us, and how long we ask again while somebody else writes.
import { setTimeout as delay } from 'node:timers/promises'
import type { Call } from '../../kernel/call.ts'
import { assertAwaited } from '../../kernel/call.ts'
import type { Clock } from '../../kernel/clock.ts'
import { Failure, Rejection } from '../../kernel/failure.ts'

// https://www.sqlite.org/rescode.html; the low byte is the primary code.
const SQLITE_BUSY = 5
const SQLITE_NOTADB = 26
const SQLITE_CONSTRAINT_PRIMARYKEY = 1555
const SQLITE_CONSTRAINT_UNIQUE = 2067

/** The result code, when the error is SQLite's. */
const codeOf = (error: unknown): number | undefined =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
    ? error.errcode
    : undefined

/** Another connection holds the lock; nothing was done. */
export const isBusy = (error: unknown): boolean => ((codeOf(error) ?? 0) & 0xff) === SQLITE_BUSY

export const isNotADatabase = (error: unknown): boolean => codeOf(error) === SQLITE_NOTADB

export const isDuplicate = (error: unknown): boolean => {
  const code = codeOf(error)
  return code === SQLITE_CONSTRAINT_UNIQUE || code === SQLITE_CONSTRAINT_PRIMARYKEY
}

/** An error of the database becomes a Failure; our own and our mistakes stay what they are. */
export const toFailure = (error: unknown, chargeUnknown = false): unknown => {
  if (error instanceof Failure || error instanceof Rejection) return error
  const closed = error instanceof Error && 'code' in error && error.code === 'ERR_INVALID_STATE'
  if (codeOf(error) === undefined && !closed) return error
  const message = error instanceof Error ? error.message : String(error)
  const hint = message.startsWith('no such table') ? ' (was it migrated?)' : ''
  return new Failure('store_unavailable', `the SQLite store failed: ${message}${hint}`, {
    cause: error,
    chargeUnknown,
  })
}

/**
 * Runs `work` until nobody else holds the lock or the call's time is over. SQLite's own busy handler would sleep on the
 * event loop, so every other call would wait too.
 */
export const whenNotBusy = async <T>(call: Call, clock: Clock, work: () => T): Promise<T> => {
  for (;;) {
    assertAwaited(call, clock)
    try {
      return work()
    } catch (error) {
      if (!isBusy(error)) throw toFailure(error)
    }
    await delay(1 + Math.random() * 4)
  }
}
