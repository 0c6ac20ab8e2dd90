// How often requests come near a limit and how often they are refused by one. Labels come from closed lists: nobody's name.
import { metrics } from '@opentelemetry/api'
import { INSTRUMENTATION, METRIC } from './names.ts'

/** `subject`: what kind of subject the limit is set on. */
export type LimitLabels = Readonly<{
  unit: string
  period: string
  subject: 'key' | 'organisation' | 'team' | 'user'
}>

export type LimitMetrics = Readonly<{
  /** An allowed request left the limit at or above the soft limit. */
  near(labels: LimitLabels): void
  /** A request was refused, and this limit has no room for it. */
  over(labels: LimitLabels): void
}>

/** Instruments of the provider that is registered now: without one they cost nothing and count nothing. */
export const createLimitMetrics = (): LimitMetrics => {
  const meter = metrics.getMeter(INSTRUMENTATION)
  const near = meter.createCounter(METRIC.limitsNear, {
    description: 'Allowed requests that left a limit at or above the soft limit, for each such limit',
  })
  const over = meter.createCounter(METRIC.limitsOver, {
    description: 'Requests refused by a limit, for each exhausted one',
  })
  return { near: (labels) => near.add(1, labels), over: (labels) => over.add(1, labels) }
}
