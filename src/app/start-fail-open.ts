// Lets requests of keys that fail open pass while no charge can be made, and pays their charges back.
import type { Config } from '../config.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Lifecycle } from '../kernel/lifecycle.ts'
import type { FailOpen } from '../quota/fail-open.ts'
import { createFailOpen } from '../quota/fail-open.ts'
import type { Store } from '../store/store.ts'
import { createFailOpenMetrics } from '../telemetry/fail-open-metrics.ts'
import type { Logger } from '../telemetry/logger.ts'

const PAYBACK_INTERVAL_MS = 1_000

export const startFailOpen = (
  { failOpenBurst }: Config,
  { store, clock, log }: Readonly<{ store: Store; clock: Clock; log: Logger }>,
  lifecycle: Lifecycle,
): FailOpen => {
  const failOpen = createFailOpen({
    ledger: store.ledger,
    clock,
    burst: failOpenBurst,
    observer: createFailOpenMetrics(),
  })
  let paying = Promise.resolve()
  const timer = setInterval(() => {
    paying = paying.then(failOpen.payBack)
  }, PAYBACK_INTERVAL_MS)
  lifecycle.onClose('requests passed uncharged', async () => {
    clearInterval(timer)
    await paying
    await failOpen.payBack()
    if (failOpen.owed() > 0) log.error({ units: failOpen.owed() }, 'requests passed and were never charged')
  })
  return failOpen
}
