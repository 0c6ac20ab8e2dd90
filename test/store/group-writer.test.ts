// What each error means for a group of charges, on a connection that answers by script.
import { expect, test } from 'vitest'
import { createClock } from '../../src/kernel/clock.ts'
import { Failure } from '../../src/kernel/failure.ts'
import type { GroupReply, GroupRow } from '../../src/quota/group-writer.ts'
import { FOREVER } from '../../src/quota/quota.ts'
import { createMysqlGroupWriter } from '../../src/store/mysql/charge/group-writer.ts'
import type { Reply } from '../../src/store/mysql/connection.ts'
import type { ConnectionPool } from '../../src/store/mysql/connection-pool.ts'
import { ConnectionLost, StatementTimeout } from '../../src/store/mysql/errors.ts'
import { createTracedStatements } from '../../src/store/mysql/traced-statements.ts'
import type { Answers } from '../support/scripted-pool.ts'
import {
  changed,
  closedState,
  createScriptedPool,
  networkError,
  serverError,
} from '../support/scripted-pool.ts'

const clock = createClock()
const soon = () => clock.monotonicMs() + 20_000
const ROW: GroupRow = { id: 7, units: 2, windowStartMs: 0, windowEndMs: FOREVER }

const seen = (used: number): Reply => ({
  ...changed(0),
  rows: [{ id: 7, amount: 9, used, window_end: FOREVER, usable_until: FOREVER, now_ms: 1_000 }],
})
const CHARGED: Answers = [changed(1), seen(2)]
const LOCKED: Answers = [changed(0), seen(0)]
const OK: Answers = [changed(1)]

const createScripted = (script: readonly Answers[]) => {
  const { pool, sent, cut } = createScriptedPool(script)
  const writer = createMysqlGroupWriter({ pool, clock, traced: createTracedStatements(() => 'mariadb') })
  return { writer, sent, cut }
}

const NO_EFFECT = { chargeUnknown: false }
const UNKNOWN = { reason: 'store_unavailable', chargeUnknown: true }

const outcomeOf = async (asked: Promise<GroupReply>): Promise<GroupReply['kind'] | Failure> => {
  try {
    return (await asked).kind
  } catch (error) {
    if (error instanceof Failure) return error
    throw error
  }
}

test.each<[string, readonly Answers[], string | object, { sent: number; cut: number }]>([
  ['an OK', [CHARGED], 'charged', { sent: 1, cut: 0 }],
  ['fewer rows than asked', [[changed(0), seen(0)]], 'torn', { sent: 1, cut: 0 }],
  ['a raise of MariaDB', [[serverError(4025)]], 'raised', { sent: 1, cut: 0 }],
  ['a raise of MySQL', [[serverError(3819)]], 'raised', { sent: 1, cut: 0 }],
  ['a deadlock', [[serverError(1213)], CHARGED], 'charged', { sent: 2, cut: 0 }],
  [
    'deadlocks one after the other, as when the nodes of a cluster write one row',
    [...Array<Answers>(8).fill([serverError(1213)]), CHARGED],
    'charged',
    { sent: 9, cut: 0 },
  ],
  ['a lock not granted', [[serverError(1205)], [serverError(1205)], CHARGED], 'charged', { sent: 3, cut: 0 }],
  ['a row changed since the snapshot', [[serverError(1020)], CHARGED], 'charged', { sent: 2, cut: 0 }],
  [
    'a lock never granted',
    Array<Answers>(9).fill([serverError(1205)]),
    { reason: 'overloaded', ...NO_EFFECT },
    { sent: 4, cut: 0 },
  ],
  ['a server that may only be read', [[serverError(1290)], CHARGED], 'charged', { sent: 2, cut: 1 }],
  ['a transaction that may only read', [[serverError(1792)], CHARGED], 'charged', { sent: 2, cut: 1 }],
  [
    'servers that may only be read',
    Array<Answers>(9).fill([serverError(1290)]),
    { reason: 'store_unavailable', ...NO_EFFECT },
    { sent: 4, cut: 4 },
  ],
  ['a connection in closed state', [[closedState], CHARGED], 'charged', { sent: 2, cut: 1 }],
  ...[1047, 1180, 1317, 1927, 1053].map(
    (errno): [string, readonly Answers[], object, { sent: number; cut: number }] => [
      `a charge cut short (${errno})`,
      [[serverError(errno)], CHARGED],
      UNKNOWN,
      { sent: 1, cut: 1 },
    ],
  ),
  ...[
    networkError('PROTOCOL_CONNECTION_LOST'),
    networkError('ECONNRESET'),
    new ConnectionLost('lost'),
    new StatementTimeout('late'),
  ].map((error): [string, readonly Answers[], object, { sent: number; cut: number }] => [
    `an answer that was lost (${error.message})`,
    [[error], CHARGED],
    UNKNOWN,
    { sent: 1, cut: 1 },
  ]),
  ...[serverError(1213), serverError(1205), serverError(1317), networkError('ECONNRESET'), closedState].map(
    (error): [string, readonly Answers[], object, { sent: number; cut: number }] => [
      `after the OK of the charge, ${error.message}`,
      [[changed(1), error], CHARGED],
      UNKNOWN,
      { sent: 1, cut: 1 },
    ],
  ),
])('%s', async (_, script, outcome, { sent, cut }) => {
  const scripted = createScripted(script)
  const told = await outcomeOf(scripted.writer.charge([ROW], [], soon()))
  if (typeof outcome === 'string') expect(told).toBe(outcome)
  else expect(told).toMatchObject(outcome)
  expect(scripted.sent).toEqual(Array(sent).fill('UPDATE'))
  expect(scripted.cut()).toBe(cut)
})

test.each<[string, readonly Answers[], string | object, string, { planned: number; cut: number }]>([
  ['three OKs', [LOCKED, OK, []], 'charged', 'BEGIN and lock, UPDATE, COMMIT', { planned: 1, cut: 0 }],
  [
    'a raise under the locks',
    [LOCKED, [serverError(4025)], []],
    'raised',
    'BEGIN and lock, UPDATE, ROLLBACK',
    { planned: 1, cut: 0 },
  ],
  [
    'a deadlock on the way to the locks',
    [[changed(0), serverError(1213)], LOCKED, OK, []],
    'charged',
    'BEGIN and lock, BEGIN and lock, UPDATE, COMMIT',
    { planned: 1, cut: 1 },
  ],
  [
    'a lock not granted, with the transaction left open',
    [[changed(0), serverError(1205)], LOCKED, OK, []],
    'charged',
    'BEGIN and lock, BEGIN and lock, UPDATE, COMMIT',
    { planned: 1, cut: 1 },
  ],
  [
    'a connection lost before COMMIT',
    [LOCKED, [networkError('ECONNRESET')], LOCKED, OK, []],
    'charged',
    'BEGIN and lock, UPDATE, BEGIN and lock, UPDATE, COMMIT',
    { planned: 2, cut: 1 },
  ],
  [
    'a deadlock told at COMMIT, as a cluster does that did not certify it',
    [LOCKED, OK, [serverError(1213)], LOCKED, OK, []],
    'charged',
    'BEGIN and lock, UPDATE, COMMIT, BEGIN and lock, UPDATE, COMMIT',
    { planned: 2, cut: 1 },
  ],
  ...[
    serverError(1047),
    serverError(1180),
    serverError(1317),
    serverError(1927),
    serverError(1205),
    networkError('ECONNRESET'),
    new StatementTimeout('late'),
  ].map((error): [string, readonly Answers[], object, string, { planned: number; cut: number }] => [
    `at COMMIT, ${error.message}`,
    [LOCKED, OK, [error], LOCKED, OK, []],
    UNKNOWN,
    'BEGIN and lock, UPDATE, COMMIT',
    { planned: 1, cut: 1 },
  ]),
])('under locks: %s', async (_, script, outcome, sent, expected) => {
  const scripted = createScripted(script)
  let planned = 0
  const plan = () => {
    planned += 1
    return [ROW]
  }
  const told = await outcomeOf(scripted.writer.chargeLocked([7], plan, soon()))
  if (typeof outcome === 'string') expect(told).toBe(outcome)
  else expect(told).toMatchObject(outcome)
  expect(scripted.sent.join(', ')).toBe(sent)
  expect({ planned, cut: scripted.cut() }).toEqual(expected)
})

test('a plan of nothing rolls back, and shows what was read under the locks', async () => {
  const scripted = createScripted([LOCKED, []])
  const reply = await scripted.writer.chargeLocked([7], () => [], soon())
  expect(reply).toMatchObject({ kind: 'charged', read: { rows: [{ id: 7, used: 0 }], nowMs: 1_000 } })
  expect(scripted.sent).toEqual(['BEGIN and lock', 'ROLLBACK'])
})

test('a fault that comes when the time is over is not tried again', async () => {
  const scripted = createScripted(Array<Answers>(9).fill([serverError(1213)]))
  const told = await outcomeOf(scripted.writer.charge([ROW], [], clock.monotonicMs()))
  expect(told).toMatchObject({ reason: 'overloaded', ...NO_EFFECT })
  expect(scripted.sent).toEqual(['UPDATE'])
})

test('a lock that was waited for in vain is not waited for again when that would not end in time', async () => {
  const { pool, sent } = createScriptedPool(Array<Answers>(9).fill([serverError(1205)]))
  let nowMs = 0
  const waitedFor: ConnectionPool = {
    ...pool,
    use: (call, work) =>
      pool.use(call, work).finally(() => {
        nowMs += 1_000
      }),
  }
  const slow = { ...clock, monotonicMs: () => nowMs }
  const traced = createTracedStatements(() => 'mariadb')
  const writer = createMysqlGroupWriter({ pool: waitedFor, clock: slow, traced })
  const told = await outcomeOf(writer.charge([ROW], [], 3_000))
  expect(told).toMatchObject({ reason: 'overloaded', ...NO_EFFECT })
  expect(sent).toEqual(['UPDATE', 'UPDATE'])
})
