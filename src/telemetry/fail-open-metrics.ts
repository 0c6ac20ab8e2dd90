// Requests that passed although their charge could not be made, and what became of their units.
import { metrics } from '@opentelemetry/api'
import { INSTRUMENTATION, METRIC } from './names.ts'

export type FailOpenMetrics = Readonly<{
  admitted(): void
  settled(units: Readonly<{ charged: number; uncharged: number }>): void
}>

export const createFailOpenMetrics = (): FailOpenMetrics => {
  const meter = metrics.getMeter(INSTRUMENTATION)
  const admitted = meter.createCounter(METRIC.failOpenAdmitted, {
    description: 'Requests that passed uncharged because the fail mode of their key is open',
  })
  const settled = meter.createCounter(METRIC.failOpenSettled, {
    description: 'Units of such requests that were charged later, or that no limit had room for',
  })
  // A counter that was never touched is not exported, and an alert on it would never fire the first time.
  admitted.add(0)
  for (const outcome of ['charged', 'uncharged']) settled.add(0, { outcome })
  return {
    admitted: () => admitted.add(1),
    settled: ({ charged, uncharged }) => {
      settled.add(charged, { outcome: 'charged' })
      settled.add(uncharged, { outcome: 'uncharged' })
    },
  }
}
