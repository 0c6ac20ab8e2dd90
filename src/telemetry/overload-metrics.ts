// What was not begun because too much was asked, and what stands in front of the store's look-ups.
import { metrics } from '@opentelemetry/api'
import { INSTRUMENTATION, METRIC } from './names.ts'

export type OverloadMetrics = Readonly<{
  /** A Check that was answered before it was read: too much in flight, or nobody waits for it any more. */
  shed(because: 'in_flight' | 'late'): void
  lookupRefused(because: LookupRefusal): void
  /** What the gauges show whenever they are read. */
  watch(lookups: Readonly<{ inFlight(): number; waiting(): number; circuitOpen(): boolean }>): void
}>

type LookupRefusal = 'busy' | 'queue_full' | 'waited_too_long' | 'circuit_open'

const SHED = ['in_flight', 'late'] as const
const REFUSALS = ['busy', 'queue_full', 'waited_too_long', 'circuit_open'] as const

/** Instruments of the provider that is registered now: without one they cost nothing and count nothing. */
export const createOverloadMetrics = (): OverloadMetrics => {
  const meter = metrics.getMeter(INSTRUMENTATION)
  const shed = meter.createCounter(METRIC.checksShed, {
    description: 'Checks answered 503 before they were read',
  })
  const refused = meter.createCounter(METRIC.lookupsRefused, {
    description: 'Look-ups that were not made to protect the store',
  })
  // A counter that was never touched is not exported, and an alert on it would never fire the first time.
  for (const because of SHED) shed.add(0, { because })
  for (const because of REFUSALS) refused.add(0, { because })
  return {
    shed: (because) => shed.add(1, { because }),
    lookupRefused: (because) => refused.add(1, { because }),
    watch({ inFlight, waiting, circuitOpen }) {
      const gauge = (name: string, description: string, read: () => number) =>
        meter.createObservableGauge(name, { description }).addCallback((seen) => seen.observe(read()))
      gauge(METRIC.lookupsInFlight, 'Look-ups that the store is asked for now', inFlight)
      gauge(METRIC.lookupsWaiting, 'Look-ups that wait for their turn', waiting)
      gauge(METRIC.circuitOpen, '1 while the store failed so often that it is asked once a second', () =>
        circuitOpen() ? 1 : 0,
      )
    },
  }
}
