// Counts charges that nobody used: their caller left, and no retry came for them within the horizon.
import { metrics } from '@opentelemetry/api'
import { INSTRUMENTATION, METRIC } from './names.ts'

/** The instrument of the provider that is registered now; call the result once for each wasted charge. */
export const createWastedCharges = (): (() => void) => {
  const counter = metrics.getMeter(INSTRUMENTATION).createCounter(METRIC.wastedCharges, {
    description: 'Charges whose caller left before the answer, and that no retry claimed',
  })
  // A counter that was never touched is not exported, and an alert on it would never fire the first time.
  counter.add(0)
  return () => counter.add(1)
}
