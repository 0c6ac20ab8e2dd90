// The composition root: Config in, running App out. Things are built here and in app/ only, in the order in which they start.
import { createDecision } from './app/decision.ts'
import { createOverloadGuards } from './app/overload-guards.ts'
import { startAttestation } from './app/start-attestation.ts'
import { readVersion } from './config/version.ts'
import type { Config } from './config.ts'
import type { Attestor } from './grpc/attestation.ts'
import type { GrpcServerOptions } from './grpc/server.ts'
import { startGrpcServer } from './grpc/server.ts'
import { createCall, withinDeadline } from './kernel/call.ts'
import type { Clock } from './kernel/clock.ts'
import { createClock } from './kernel/clock.ts'
import type { Lifecycle } from './kernel/lifecycle.ts'
import { createLifecycle } from './kernel/lifecycle.ts'
import type { KeyDirectory } from './keys/key-directory.ts'
import { openReadyStore } from './store/open-ready-store.ts'
import type { Store } from './store/store.ts'
import { createChargeMetrics } from './telemetry/charge-metrics.ts'
import type { Component, HealthDeps } from './telemetry/health-listener.ts'
import { startHealthListener } from './telemetry/health-listener.ts'
import type { LogDestination } from './telemetry/log-destination.ts'
import type { Logger } from './telemetry/logger.ts'
import { createLogger } from './telemetry/logger.ts'
import { startTelemetry } from './telemetry/telemetry.ts'
import { telemetryFromEnvironment } from './telemetry/telemetry-environment.ts'
import type { WorkerSeat } from './workers/worker-seat.ts'

export type App = Readonly<{
  /** Where Checks are answered: `unix:PATH` or `HOST:PORT` with the port that was given. */
  address: string
  /** `HOST:PORT`, or undefined when switched off. */
  healthAddress: string | undefined
  store: Store
  directory: KeyDirectory
  /** Not serving, the drain delay, what is in flight, then everything is closed. Once. */
  stop(): Promise<void>
}>

export type AppOptions = Readonly<{
  logTo?: LogDestination
  /** When it is one of several: whose health listener tells of all of them. */
  seat?: WorkerSeat | undefined
}>

/**
 * Resolves when Checks are answered. Throws Rejection when the configuration cannot be carried out, Failure when the store cannot be
 * reached or lacks migrations; what was opened by then is closed. The log goes to standard output unless told otherwise.
 */
export const startApp = async (config: Config, options: AppOptions = {}): Promise<App> => {
  const lifecycle = createLifecycle()
  const { logTo, seat } = options
  const log = createLogger(config.log, logTo, seat && { worker: seat.index })
  try {
    return await start(config, lifecycle, log, seat)
  } catch (error) {
    // Thrown is why it did not start, and not what failed while that was undone.
    const tell = (err: unknown) => log.error({ err }, 'not everything that was opened could be closed')
    await lifecycle.close().catch(tell)
    throw error
  }
}

const PING_TIMEOUT_MS = 1_000
/** Of what this process tells the others, which is all that its books are for: it may not hold up the end of the process. */
const WORD_TIMEOUT_MS = 5_000

const start = async (
  config: Config,
  lifecycle: Lifecycle,
  log: Logger,
  seat: WorkerSeat | undefined,
): Promise<App> => {
  const version = readVersion()
  const clock = createClock()
  // Opened first and so closed last: what the others tell while they close is still sent.
  const wanted = telemetryFromEnvironment(config.otelEnvironment)
  // Where nothing listens, nobody can ask for the page; that of a worker is asked for by the first of them.
  const canBeAsked = config.healthListen !== undefined || seat !== undefined
  const telemetry = await startTelemetry(
    { version, worker: seat?.index, ...wanted, metrics: wanted.metrics && canBeAsked },
    log,
  )
  lifecycle.onClose('telemetry', telemetry.close)

  const chargeMetrics = createChargeMetrics(log)
  const { store, applied } = await openReadyStore({
    url: config.databaseUrl,
    clock,
    chargeForm: config.chargeForm,
    chargeObserver: chargeMetrics,
    // The gate of look-ups lets no more through: there is one queue and not two.
    mysql: { lookupConnections: config.maxLookups, adminTimeoutMs: WORD_TIMEOUT_MS },
  })
  lifecycle.onClose('store', store.close)
  if (applied.length > 0) log.info({ applied }, 'store migrated')
  chargeMetrics.inUse(await store.chargeForm())
  for (const warning of await store.durabilityWarnings())
    log.warn({ warning }, 'charges may be lost in a crash')

  const { keyStore, ...guards } = createOverloadGuards(config, { store, clock })
  const deps = { store, keyStore, clock, chargeMetrics, log }
  const { directory, check } = createDecision(config, deps, lifecycle)

  const { attestor, documents } = await startAttestation(config, log, lifecycle)

  let serving = false
  const components = async () => ({ store: await storeComponent(store, clock), serving: { ok: serving } })
  const own: HealthDeps = { components, renderMetrics: telemetry.renderMetrics }
  const told = seat?.summed(own) ?? own
  const health =
    config.healthListen === undefined
      ? undefined
      : await startHealthListener({ listen: config.healthListen, documents }, told)
  if (health !== undefined) lifecycle.onClose('health listener', health.close)

  const grpc = await startGrpcServer(serverOptions(config, attestor), { ...guards, check, clock, log })
  lifecycle.onClose('check server', async () => {
    serving = false
    await grpc.drain()
  })
  grpc.setServing(true)
  serving = true
  log.info(
    {
      version,
      address: grpc.address,
      health: health?.address,
      transport: grpc.transport,
      store: store.dialect,
    },
    'serving',
  )
  seat?.sayServing()
  return { address: grpc.address, healthAddress: health?.address, store, directory, stop: lifecycle.close }
}

const serverOptions = (config: Config, attestor: Attestor | undefined): GrpcServerOptions => ({
  listen: config.listen,
  transport: config.transport,
  reflection: config.reflection,
  socketMode: config.socket.mode,
  socketGroup: config.socket.group,
  tls: config.tls,
  plaintext: config.plaintext,
  maxConnectionAgeMs: config.maxConnectionAgeMs,
  maxBodyBytes: config.maxBodyBytes,
  drainDelayMs: config.drainDelayMs,
  allowLogSampleRate: config.log.allowSampleRate,
  checkTimeoutMs: config.checkTimeoutMs,
  failureAnswer: config.failureAnswer,
  credentialHeaders: config.credentialHeaders,
  guardrailHeader: config.guardrailHeader,
  tellShadow: config.shadow.header,
  attestor,
})

/**
 * Not essential: keys in the cache that have no limit are served without a store, and what cannot be known is told to each caller. Were
 * every replica to leave when the store does, nobody would be left to say so.
 */
const storeComponent = async (store: Store, clock: Clock): Promise<Component> => {
  try {
    await withinDeadline(store.ping(), createCall(clock.monotonicMs() + PING_TIMEOUT_MS), clock)
    return { ok: true, essential: false }
  } catch (error) {
    return { ok: false, essential: false, detail: error instanceof Error ? error.message : 'unknown' }
  }
}
