// How far behind the changes of other processes this one is, in a gauge and two log lines.
import { metrics } from '@opentelemetry/api'
import type { Logger } from './logger.ts'
import { INSTRUMENTATION, METRIC } from './names.ts'

export type FeedMetrics = Readonly<{
  /** `failure` undefined: the poll succeeded. Told in the log when it begins to fail and when it works again. */
  polled(poll: Readonly<{ failure: unknown }>): void
}>

/** `stalenessMs`: since when every change is known here. */
export const createFeedMetrics = (stalenessMs: () => number, log: Logger): FeedMetrics => {
  const meter = metrics.getMeter(INSTRUMENTATION)
  meter
    .createObservableGauge(METRIC.feedStaleness, {
      description: 'Time since when every change of other processes is known here',
      unit: 's',
    })
    .addCallback((gauge) => {
      const staleness = stalenessMs()
      if (Number.isFinite(staleness)) gauge.observe(staleness / 1_000)
    })
  const failures = meter.createCounter(METRIC.feedFailures, {
    description: 'Polls of the change feed that failed',
  })
  // A counter that was never touched is not exported, and an alert on it would never fire the first time.
  failures.add(0)
  let failing = false
  return {
    polled({ failure }) {
      if (failure !== undefined) failures.add(1)
      if (failing === (failure !== undefined)) return
      failing = failure !== undefined
      if (failing)
        log.error({ err: failure }, 'change feed failed: what other processes change is not known here')
      else log.info({}, 'change feed works again')
    },
  }
}
