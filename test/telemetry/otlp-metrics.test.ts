// What is sent over OTLP: durations of Checks once or since the last time, as was asked, and of which worker they tell.
import type { ScopeMetrics } from '@opentelemetry/sdk-metrics'
import { AggregationTemporality } from '@opentelemetry/sdk-metrics'
import { afterEach, expect, it, vi } from 'vitest'
import { createCheckDurations } from '../../src/telemetry/check-durations.ts'
import type { CheckRecord } from '../../src/telemetry/check-metrics.ts'
import { createCheckMetrics } from '../../src/telemetry/check-metrics.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { openMetricsPage } from '../../src/telemetry/metrics-page.ts'
import { startTelemetry } from '../../src/telemetry/telemetry.ts'
import { telemetryFromEnvironment } from '../../src/telemetry/telemetry-environment.ts'
import { onClose } from '../support/closing.ts'
import { instancesIn, metricsIn, pointsOf } from '../support/otlp-metrics.ts'
import { startOtlpSink } from '../support/otlp-sink.ts'

afterEach(() => vi.unstubAllEnvs())

const A_RECORD: CheckRecord = {
  decision: 'allow',
  reason: 'none',
  durationMs: 3,
  cache: 'hit',
  storeReads: 0,
  storeWrites: 0,
}

/** By decision: how many, how long together, and how many in the bucket of 3 ms. */
const toldIn = (scopes: readonly ScopeMetrics[]) =>
  scopes
    .flatMap(({ metrics }) => metrics.flatMap(({ dataPoints }) => [...dataPoints]))
    .map(({ attributes, value }) => {
      if (typeof value === 'number' || !('buckets' in value) || !('counts' in value.buckets))
        throw new Error('?')
      return [
        attributes['decision'],
        value.count,
        Math.round((value.sum ?? 0) * 1_000),
        value.buckets.counts[4],
      ]
    })

it('durations are of all Checks, or of those since the last time when the collector wants differences', () => {
  onClose(openMetricsPage('1').close)
  const all = createCheckDurations(AggregationTemporality.CUMULATIVE)
  const fresh = createCheckDurations(AggregationTemporality.DELTA)
  const { began, ended } = createCheckMetrics()
  const check = (record: Partial<CheckRecord> = {}) => {
    began()
    ended({ ...A_RECORD, ...record })
  }
  expect([toldIn(all([])), toldIn(fresh([]))]).toEqual([[], []])
  check()
  check({ decision: 'deny' })
  const first = [
    ['allow', 1, 3, 1],
    ['deny', 1, 3, 1],
  ]
  expect([toldIn(all([])), toldIn(fresh([]))]).toEqual([first, first])
  expect(toldIn(fresh([]))).toEqual([])
  check()
  check({ durationMs: 20_000 })
  expect(toldIn(all([]))).toEqual([
    ['allow', 3, 20_006, 2],
    ['deny', 1, 3, 1],
  ])
  expect(toldIn(fresh([]))).toEqual([['allow', 2, 20_003, 1]])
})

/** Sent at the end. */
const sentBy = async (environment: Readonly<Record<string, string>>, worker: number | undefined) => {
  const sink = await startOtlpSink('http/json', undefined)
  const all = {
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${sink.url}/v1/metrics`,
    OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/json',
    ...environment,
  }
  for (const [name, value] of Object.entries(all)) vi.stubEnv(name, value)
  const log = createLogger({ level: 'silent', format: 'json' })
  const telemetry = await startTelemetry({ version: '1', worker, ...telemetryFromEnvironment(all) }, log)
  const { began, ended } = createCheckMetrics()
  began()
  ended(A_RECORD)
  await telemetry.close()
  const [sent] = sink.sent
  if (sent === undefined) throw new Error('nothing was sent')
  return sent.body
}

it('each worker is an instance of its own, also when the operator named the instance', async () => {
  const environment = { OTEL_RESOURCE_ATTRIBUTES: 'service.instance.id=pod-7' }
  expect(instancesIn(await sentBy(environment, 0))).toEqual(['pod-7-0'])
  expect(instancesIn(await sentBy(environment, 1))).toEqual(['pod-7-1'])
  expect(instancesIn(await sentBy(environment, undefined))).toEqual(['pod-7'])
})

it.each([
  ['delta', 1],
  ['cumulative', 2],
])('what is counted is sent as %s when the environment says so', async (preference, temporality) => {
  const body = await sentBy({ OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: preference }, undefined)
  const metrics = metricsIn(body)
  const told = metrics.map(({ sum, histogram }) => (sum ?? histogram)?.aggregationTemporality)
  expect(metrics.find(({ name }) => name === 'latchkey.check.duration')?.histogram).toMatchObject({
    aggregationTemporality: temporality,
  })
  expect(told).toContain(temporality)
  expect(pointsOf(metrics, 'latchkey.check.duration')).toMatchObject([{ count: 1 }])
})
