// What each error of the database means for a charge: certainly nothing, or nobody knows.
import { expect, test } from 'vitest'
import type { Phase, Verdict } from '../../src/store/mysql/errors.ts'
import {
  ConnectionLost,
  NeverSent,
  StatementTimeout,
  toFailure,
  verdictOn,
} from '../../src/store/mysql/errors.ts'

const server = (errno: number): Error =>
  Object.assign(new Error(`server error ${errno}`), { errno, sqlState: 'HY000', code: 'ER' })
const network = (code: string): Error => Object.assign(new Error(code), { code, fatal: true, errno: -104 })
const closed = new Error("Can't add new command when connection is in closed state")

const none = (connection: Verdict['connection'], again: boolean): Verdict => ({
  effect: 'none',
  connection,
  again,
})
const unknown: Verdict = { effect: 'unknown', connection: 'destroy', again: false }

const TABLE: readonly (readonly [string, Error, Phase, Verdict])[] = [
  ['never sent', new NeverSent('x'), 'commit', none('destroy', true)],
  ['closed state', closed, 'autocommit', none('destroy', true)],
  ['our time-out, before COMMIT', new StatementTimeout('x'), 'before_commit', none('destroy', false)],
  ['our time-out of a charge', new StatementTimeout('x'), 'autocommit', unknown],
  ['our time-out of a COMMIT', new StatementTimeout('x'), 'commit', unknown],
  ['lost before COMMIT', new ConnectionLost('x'), 'before_commit', none('destroy', true)],
  ['lost under a charge', network('PROTOCOL_CONNECTION_LOST'), 'autocommit', unknown],
  ['reset under a COMMIT', network('ECONNRESET'), 'commit', unknown],
  ...(['before_commit', 'autocommit', 'commit'] as const).map(
    (phase) => ['deadlock', server(1213), phase, none('keep', true)] as const,
  ),
  ...[server(1213), server(1205), server(1290), network('ECONNRESET'), new NeverSent('x')].map(
    (error) => [`${error.message}, after the charge was answered`, error, 'charged', unknown] as const,
  ),
  ['lock wait', server(1205), 'before_commit', none('keep', true)],
  ['lock wait', server(1205), 'autocommit', none('keep', true)],
  ['changed since the snapshot', server(1020), 'autocommit', none('keep', true)],
  ...[1290, 1792, 1836].map(
    (errno) => ['read-only', server(errno), 'autocommit', none('destroy', true)] as const,
  ),
  ...[1047, 1180, 1317, 1927, 1053].flatMap((errno) => [
    [`cut short before COMMIT (${errno})`, server(errno), 'before_commit', none('destroy', true)] as const,
    [`cut short (${errno})`, server(errno), 'autocommit', unknown] as const,
    [`cut short at COMMIT (${errno})`, server(errno), 'commit', unknown] as const,
  ]),
  ['a refusal of the statement', server(1146), 'autocommit', none('keep', false)],
  ['any other error at COMMIT', server(1146), 'commit', unknown],
]

test.each(TABLE)('%s', (_, error, phase, verdict) => {
  expect(verdictOn(error, phase)).toEqual(verdict)
})

test('errors of the database become outages, ours stay ours', () => {
  for (const error of [
    server(1146),
    network('ECONNREFUSED'),
    new ConnectionLost('x'),
    new StatementTimeout('x'),
  ])
    expect(toFailure(error, true)).toMatchObject({
      name: 'Failure',
      reason: 'store_unavailable',
      chargeUnknown: true,
    })
  const mistake = new TypeError('ours')
  expect(toFailure(mistake)).toBe(mistake)
})
