// More than there is room for: floods of keys that nobody made, and more Checks than a process can answer.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { OpenLoad, OpenLoadResult } from '../../bench/load-open.ts'
import { prepareStore } from '../../bench/prepare-store.ts'
import { pin, runLoads, unpin } from '../../bench/processes.ts'
import type { LimitDraft } from '../../src/quota/limit-book.ts'
import { aDirectory, onClose } from '../support/closing.ts'
import { recordFigure } from '../support/figures.ts'
import type { MariadbServer } from '../support/mariadb.ts'
import { startMariadb } from '../support/mariadb.ts'
import { startReplica } from '../support/replicas.ts'
import { until } from '../support/until.ts'

const FULL = process.env['LATCHKEY_PROVE'] === '1'
const COMMAND = 'make prove CASE=overload'
/** Statuses in a CheckResponse: allowed, 401, 503. Whatever else comes is not ours. */
const ALLOWED = '0'
const UNKNOWN_KEY = '16'
const UNAVAILABLE = '14'
const LOOKUPS = 4
const NEVER_REACHED: LimitDraft = { unit: 'requests', period: 'month', zone: 'UTC', amount: 1_000_000_000 }
const SERVER_CORE = 0
const CLIENT_CORE = 1

let server: MariadbServer
beforeAll(async () => {
  // The server under test has its core to itself: what is started from here on stays on this one.
  if (FULL) pin(process.pid, CLIENT_CORE)
  server = await startMariadb()
})
afterAll(async () => {
  await server.stop()
  if (FULL) unpin(process.pid)
})

/** Look-ups that the server works on now. */
const lookupsUnderWay = async (): Promise<number> => {
  const rows = await server.run(
    "SELECT id FROM information_schema.processlist WHERE info LIKE '%key_secret%' AND info NOT LIKE '%processlist%'",
  )
  return rows.length
}

describe('a flood of keys that nobody made', () => {
  test('at ten times the usual rate: four look-ups at once, every known key is served, and each answer is ours', async () => {
    const url = await server.freshDatabase()
    const [secret] = await prepareStore(url, { keys: [[]] })
    const replica = await startReplica(await aDirectory(), 'flooded', url, { LATCHKEY_DRAIN_DELAY: '0ms' })
    onClose(replica.stop)
    if (FULL) pin(replica.process.pid ?? 0, SERVER_CORE)
    const usual = FULL ? 200 : 20
    const load = { address: replica.address, timeoutMs: 10_000, maxInFlight: 16_384 }
    // Both loads and the database share what cores the server leaves.
    const known = (forMs: number): OpenLoad => ({ ...load, secret, perSecond: usual, forMs, first: true })
    // On a machine that cannot answer so many the rest is refused by the caller, as Envoy's circuit breaker does.
    const flood = (forMs: number) => ({
      ...load,
      secret: undefined,
      perSecond: usual * 10,
      forMs,
      maxInFlight: 512,
    })
    const forMs = FULL ? 30_000 : 1_500
    const run = (loads: readonly OpenLoad[]) =>
      runLoads<OpenLoadResult>('load-open.ts', loads, FULL ? CLIENT_CORE : undefined)

    await run([known(500)])
    let most = 0
    let over = false
    const watching = until(async () => {
      most = Math.max(most, await lookupsUnderWay())
      return over
    })
    const [calm] = await run([known(forMs)])
    const [flooded, unknown] = await run([known(forMs), flood(forMs)])
    over = true
    await watching
    if (calm === undefined || flooded === undefined || unknown === undefined) throw new Error('no result')

    expect(most).toBeLessThanOrEqual(LOOKUPS)
    expect(calm.statuses).toEqual({ [ALLOWED]: calm.sent })
    expect(flooded.statuses).toEqual({ [ALLOWED]: flooded.sent })
    const { [UNKNOWN_KEY]: refused = 0, [UNAVAILABLE]: shed = 0 } = unknown.statuses
    expect(refused + shed).toBe(unknown.sent)
    expect(refused).toBeGreaterThan(0)
    figure('Most look-ups at once seen at the store in a flood of unknown keys', most, 'look-ups')
    figure('99th percentile of known keys without the flood', inMs(calm.p99Ms), 'ms')
    figure('99th percentile of known keys in the flood', inMs(flooded.p99Ms), 'ms')
    figure('The second over the first', (flooded.p99Ms / calm.p99Ms).toFixed(2), 'times')
  })
})

describe('more Checks than can be answered', () => {
  test('three times as many: what Envoy lets through is answered by us and in time, and the rest costs nothing', async () => {
    const directory = await aDirectory()
    const url = `sqlite:${directory}/store.db`
    // Of keys without a limit no generator on one core asks three times as many as are answered on another.
    const [secret = ''] = await prepareStore(url, { keys: [[NEVER_REACHED]] })
    const replica = await startReplica(directory, 'busy', url, { LATCHKEY_DRAIN_DELAY: '0ms' })
    onClose(replica.stop)
    if (FULL) pin(replica.process.pid ?? 0, SERVER_CORE)
    const timeoutMs = FULL ? 500 : 10_000
    const run = async (perSecond: number, forMs: number, maxInFlight: number) => {
      const load: OpenLoad = { address: replica.address, secret, perSecond, forMs, timeoutMs, maxInFlight }
      const [result] = await runLoads<OpenLoadResult>('load-open.ts', [load], FULL ? CLIENT_CORE : undefined)
      if (result === undefined) throw new Error('no result')
      return result
    }
    const forMs = FULL ? 20_000 : 1_000
    const MORE_THAN_ANY = 200_000
    await run(500, 1_000, 64)
    // As much as it does with so many always in flight.
    const peak = await run(MORE_THAN_ANY, forMs, 1_024)
    const perSecond = (peak.sent / forMs) * 1_000
    // What it answers in a fifth of the time that Envoy waits.
    const maxInFlight = Math.max(8, Math.floor((perSecond * Math.min(timeoutMs, 500)) / 1_000 / 5))
    const overloaded = await run(perSecond * 3, forMs, maxInFlight)

    expect(peak.statuses).toEqual({ [ALLOWED]: peak.sent })
    expect(overloaded.refusedByCaller).toBeGreaterThan(0)
    const { [ALLOWED]: allowed = 0, [UNAVAILABLE]: shed = 0 } = overloaded.statuses
    expect(allowed + shed).toBe(overloaded.sent)
    figure('Checks allowed in a second at capacity', Math.round(perSecond), 'Checks')
    figure('Checks in flight that the caller lets through', maxInFlight, 'Checks')
    figure(
      'Checks allowed in a second at three times the capacity',
      Math.round((allowed / forMs) * 1_000),
      'Checks',
    )
    figure('The second over the first', (allowed / peak.sent).toFixed(2), 'times')
    figure('99th percentile at three times the capacity', inMs(overloaded.p99Ms), 'ms')
  })
})

const figure = (name: string, value: number | string, unit: string): void =>
  recordFigure({ name, value, unit, command: COMMAND })

const inMs = (value: number): string => value.toFixed(1)
