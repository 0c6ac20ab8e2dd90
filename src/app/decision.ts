// Builds the decision and its memories.
import { createCheck } from '../check/check.ts'
import type { KnownKey } from '../check/usable-key.ts'
import type { Config } from '../config.ts'
import type { DatabaseClock } from '../kernel/clock.ts'
import type { Lifecycle } from '../kernel/lifecycle.ts'
import type { Change } from '../keys/change-feed.ts'
import { createKeyDirectory } from '../keys/key-directory.ts'
import type { KeyStore } from '../keys/key-store.ts'
import { createSecrets } from '../keys/secret.ts'
import { createRefusalMemory } from '../quota/refusal-memory.ts'
import { createRetryMemory } from '../quota/retry-memory.ts'
import type { Store } from '../store/store.ts'
import type { ChargeMetrics } from '../telemetry/charge-metrics.ts'
import type { Logger } from '../telemetry/logger.ts'
import { followChanges } from './follow-changes.ts'
import { throttleSources } from './overload-guards.ts'
import { startFailOpen } from './start-fail-open.ts'

/** At this many remembered charges (some 10 MB) the oldest is forgotten early, and its retry would be charged again. */
const REMEMBERED_CHARGES = 200_000
const UNITS_OF_A_REQUEST = 1
const SWEEP_INTERVAL_MS = 5_000

/** Its memories forget what changes in the store, by whichever process. */
export const createDecision = (
  config: Config,
  deps: Readonly<{
    store: Store
    keyStore: KeyStore
    clock: DatabaseClock
    chargeMetrics: ChargeMetrics
    log: Logger
  }>,
  lifecycle: Lifecycle,
) => {
  const { store, clock, chargeMetrics, log } = deps
  const feed = followChanges(config, { store, clock, log, apply: (change) => forget(change) }, lifecycle)
  const directory = createKeyDirectory({
    store: deps.keyStore,
    clock,
    feedStalenessMs: feed.stalenessMs,
    feedPosition: feed.position,
    options: { ...config.cache, lookupTimeoutMs: config.checkTimeoutMs },
  })
  const refusals = createRefusalMemory<KnownKey>({ clock, maxEntries: config.cache.maxEntries })
  const retries = createRetryMemory({
    clock,
    horizonMs: config.retryHorizonMs,
    maxEntries: REMEMBERED_CHARGES,
    onWasted: () => chargeMetrics.wasted(UNITS_OF_A_REQUEST),
  })
  const forget = (change: Change) => {
    directory.apply(change)
    refusals.clear()
    store.doubtQuotas()
  }
  lifecycle.onClose('change listener', store.onChange(forget))
  const sweeper = setInterval(retries.sweep, SWEEP_INTERVAL_MS)
  lifecycle.onClose('retry memory', () => clearInterval(sweeper))
  const check = createCheck({
    clock,
    secrets: createSecrets(config.keyFormats),
    directory,
    throttle: throttleSources(config, clock),
    ledger: store.ledger,
    refusals,
    retries,
    failOpen: startFailOpen(config, { store, clock, log }, lifecycle),
    softLimitPercent: config.softLimitPercent,
    credentialHeaders: config.credentialHeaders,
    modelHeader: config.modelHeader,
    forwardedForDepth: config.forwardedForDepth,
    shadowMode: config.shadow.mode,
  })
  return { directory, check }
}
