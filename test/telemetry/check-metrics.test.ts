// What is counted of Checks reaches the page exactly as OpenTelemetry's own instruments would put it there.
import type { Meter } from '@opentelemetry/api'
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { CheckMetrics, CheckRecord } from '../../src/telemetry/check-metrics.ts'
import { createCheckMetrics } from '../../src/telemetry/check-metrics.ts'
import { DURATION_BUCKETS_S } from '../../src/telemetry/duration-buckets.ts'
import { openMetricsPage } from '../../src/telemetry/metrics-page.ts'
import { ALL_REASONS } from '../support/decisions.ts'
import { samplesOf, sumIn } from '../support/metrics-page.ts'

/** The same instruments, each told of each Check. */
const instrumentsOf = (meter: Meter): CheckMetrics => {
  const checks = meter.createCounter('latchkey.checks', {
    description: 'Checks answered, by decision and reason',
  })
  const duration = meter.createHistogram('latchkey.check.duration.seconds', {
    description: 'Time from the arrival of a Check to its answer',
    unit: 's',
    advice: { explicitBucketBoundaries: DURATION_BUCKETS_S },
  })
  const inFlight = meter.createUpDownCounter('latchkey.checks.in_flight', {
    description: 'Checks that are not answered yet',
  })
  const cache = meter.createCounter('latchkey.cache.outcomes', {
    description: 'Key look-ups, by what the cache knew',
  })
  const reads = meter.createCounter('latchkey.store.reads', {
    description: 'Look-ups of Checks, and reads of limits that they waited for',
  })
  const writes = meter.createCounter('latchkey.store.writes', {
    description: 'Charges of Checks that were sent to the store, alone or as part of a group',
  })
  for (const counter of [reads, writes, inFlight]) counter.add(0)
  return {
    refused: ({ decision, reason }) => checks.add(1, { decision, reason }),
    began: () => inFlight.add(1),
    ended({ decision, reason, durationMs, cache: outcome, storeReads, storeWrites }) {
      inFlight.add(-1)
      checks.add(1, { decision, reason })
      duration.record(durationMs / 1_000, { decision })
      cache.add(1, { outcome })
      reads.add(storeReads)
      writes.add(storeWrites)
    },
  }
}

/** Both pages, line by line in one order, after the same Checks. */
const bothPages = async (tell: (metrics: () => CheckMetrics) => void) => {
  const reader = new PrometheusExporter({ preventServerStart: true })
  const provider = new MeterProvider({ readers: [reader] })
  const instruments = instrumentsOf(provider.getMeter('latchkey'))
  const page = openMetricsPage('1.2.3')
  try {
    tell(() => instruments)
    tell(createCheckMetrics)
    const serializer = new PrometheusSerializer(undefined, false, undefined, true, true)
    const expected = serializer.serialize((await reader.collect()).resourceMetrics)
    return {
      told: linesOf(await page.render()),
      expected: linesOf(expected),
      again: linesOf(await page.render()),
    }
  } finally {
    await page.close()
    await provider.shutdown()
  }
}

const linesOf = (page: string): readonly string[] =>
  page
    .split('\n')
    .filter((line) => line !== '' && !line.includes('build_info'))
    .toSorted()

const record: fc.Arbitrary<CheckRecord> = fc.record({
  decision: fc.constantFrom('allow' as const, 'deny' as const, 'listing' as const),
  reason: fc.constantFrom('none', ...ALL_REASONS),
  durationMs: fc.oneof(
    fc.constantFrom(0, ...DURATION_BUCKETS_S.map((seconds) => seconds * 1_000)),
    fc.double({ min: 0, max: 20_000, noNaN: true }),
  ),
  cache: fc.constantFrom('none' as const, 'hit' as const, 'miss' as const, 'stale' as const),
  storeReads: fc.nat(3),
  storeWrites: fc.nat(3),
})

const step = fc.oneof(
  fc.record({ kind: fc.constant('began' as const) }),
  fc.record({ kind: fc.constant('ended' as const), record }),
  fc.record({ kind: fc.constant('refused' as const), record }),
)

it('whatever happens, line by line, and again when it is asked again', () =>
  fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { told, expected, again } = await bothPages((metricsNow) => {
        const metrics = metricsNow()
        for (const each of steps)
          if (each.kind === 'began') metrics.began()
          else metrics[each.kind](each.record)
      })
      expect(told).toEqual(expected)
      expect(again).toEqual(expected)
    }),
    { numRuns: process.env['LATCHKEY_PROVE'] === '1' ? 5_000 : 100 },
  ))

it('when several count, as their sum', async () => {
  const { told, expected } = await bothPages((metricsNow) => {
    for (let each = 0; each < 3; each += 1) metricsNow().began()
  })
  expect(told).toEqual(expected)
  expect(sumIn(samplesOf(told.join('\n')), 'latchkey_checks_in_flight')).toBe(3)
})

it('of one provider never on the page of another', async () => {
  const first = openMetricsPage('1.2.3')
  createCheckMetrics().began()
  await first.close()
  const { told } = await bothPages(() => createCheckMetrics())
  expect(sumIn(samplesOf(told.join('\n')), 'latchkey_checks_in_flight')).toBe(0)
})
