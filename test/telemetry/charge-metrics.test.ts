// What the quota engine tells of itself stands on the metrics page, and in the log when it is not what was asked for.
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { ChargeObserver } from '../../src/quota/charge-observer.ts'
import type { ChargeMetrics } from '../../src/telemetry/charge-metrics.ts'
import { createChargeMetrics } from '../../src/telemetry/charge-metrics.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import type { Telemetry } from '../../src/telemetry/telemetry.ts'
import { startTelemetry } from '../../src/telemetry/telemetry.ts'
import { samplesOf, sumIn } from '../support/metrics-page.ts'

let telemetry: Telemetry
let charges: ChargeMetrics
let log: { level: string; msg: string; because?: string; form?: string }[]

beforeEach(async () => {
  log = []
  const logger = createLogger(
    { level: 'info', format: 'json' },
    { write: (line) => log.push(JSON.parse(line)) },
  )
  telemetry = await startTelemetry(
    { version: '1', traces: false, metrics: true, serviceName: 'latchkey' },
    logger,
  )
  charges = createChargeMetrics(logger)
})

afterEach(() => telemetry.close())

const sums = async (...names: readonly string[]): Promise<readonly number[]> => {
  const samples = samplesOf(await telemetry.renderMetrics())
  return names.map((name) => sumIn(samples, `latchkey_${name}`))
}

const forms = async () =>
  samplesOf(await telemetry.renderMetrics())
    .filter(({ name }) => name === 'latchkey_charge_form')
    .map(({ labels, value }) => [labels['form'], value])

it('is what the engine tells', () => {
  const observer: ChargeObserver = charges
  expect(observer).toBe(charges)
})

it('counters that nothing has touched yet are there, so that an alert on them can fire the first time', async () => {
  const names = samplesOf(await telemetry.renderMetrics()).map(({ name }) => name)
  for (const name of ['charges_unknown', 'charges_wasted', 'charge_groups_raised', 'charge_groups_locked'])
    expect(names).toContain(`latchkey_${name}_total`)
})

it('a group has its charges, rows and seconds; one under locks is counted as such', async () => {
  charges.group({ charges: 64, rows: 6, durationMs: 1_500, form: 'raising' })
  charges.group({ charges: 1, rows: 2, durationMs: 500, form: 'locked' })
  expect(
    await sums(
      'charge_group_charges_count',
      'charge_group_charges_sum',
      'charge_group_rows_sum',
      'charge_group_duration_seconds_sum',
      'charge_groups_locked_total',
    ),
  ).toEqual([2, 65, 8, 2, 1])
})

it('a group of 256 rows stands in a bucket of its own, not in the endless one', async () => {
  charges.group({ charges: 1_024, rows: 256, durationMs: 1, form: 'raising' })
  const samples = samplesOf(await telemetry.renderMetrics())
  expect(sumIn(samples, 'latchkey_charge_group_rows_bucket', { le: '128' })).toBe(0)
  expect(sumIn(samples, 'latchkey_charge_group_rows_bucket', { le: '256' })).toBe(1)
  expect(sumIn(samples, 'latchkey_charge_group_charges_bucket', { le: '1024' })).toBe(1)
})

it('a charge has its seconds, a raise and each unit that nobody may use its count', async () => {
  charges.answered(2_000)
  charges.raised()
  charges.raised()
  charges.unknown(7)
  charges.wasted(3)
  charges.wasted(1)
  expect(
    await sums(
      'charge_duration_seconds_count',
      'charge_duration_seconds_sum',
      'charge_groups_raised_total',
      'charges_unknown_total',
      'charges_wasted_total',
    ),
  ).toEqual([1, 2, 2, 7, 4])
})

it('the form in use is a gauge and a line; before it is known it is neither', async () => {
  expect([await forms(), log]).toEqual([[], []])
  charges.inUse({ form: 'grouped' })
  expect(await forms()).toEqual([['grouped', 1]])
  expect(log).toMatchObject([{ level: 'info', msg: 'charging', form: 'grouped' }])
})

it('another form than was asked for is a warning that says why, once, and the gauge of that form alone', async () => {
  charges.fellBack('strict mode is off')
  charges.inUse({ form: 'direct', because: 'strict mode is off' })
  charges.fellBack('strict mode is off')
  expect(await forms()).toEqual([['direct', 1]])
  const warnings = log.filter(({ level }) => level === 'warn')
  expect(warnings).toMatchObject([
    { msg: 'charges fell back to the direct form', because: 'strict mode is off' },
  ])
})

it('a database that stops carrying groups later, after a failover, changes the gauge and is told', async () => {
  charges.inUse({ form: 'grouped' })
  charges.fellBack('strict mode is off')
  expect(await forms()).toEqual([['direct', 1]])
  expect(log.map(({ msg }) => msg)).toEqual(['charging', 'charges fell back to the direct form'])
})
