// The server that Envoy asks: bind, limits, health, drain.
import { setTimeout as delay } from 'node:timers/promises'
import type { ServerCredentials, ServerOptions } from '@grpc/grpc-js'
import { Server, setLogger } from '@grpc/grpc-js'
import { Rejection } from '../kernel/failure.ts'
import type { ListenAddress } from '../kernel/listen-address.ts'
import { formatHostPort, parseListenAddress } from '../kernel/listen-address.ts'
import { createSoftLimitMemory } from '../quota/soft-limit-memory.ts'
import { createCheckMetrics } from '../telemetry/check-metrics.ts'
import { createLimitMetrics } from '../telemetry/limit-metrics.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { AuthorizationDeps, AuthorizationOptions } from './authorization.ts'
import { AUTHORIZATION_SERVICE, createAuthorization } from './authorization.ts'
import { admitClients } from './client-names.ts'
import { createDecisionLog } from './decision-log.ts'
import { HealthService } from './gen/grpc/health/v1/health.ts'
import type { Health } from './health.ts'
import { createHealth } from './health.ts'
import { createLimitReport } from './limit-report.ts'
import { tolerateResets } from './reset-guard.ts'
import type { Plaintext, TlsOptions } from './server-credentials.ts'
import { openAdmittance } from './server-credentials.ts'
import { bindSocketFile } from './socket-file.ts'

export type GrpcServerOptions = AuthorizationOptions &
  Readonly<{
    /** `unix:PATH`, `HOST:PORT` or `[IPV6]:PORT`; beyond loopback only with `tls`, or `plaintext` anywhere. */
    listen: string
    socketMode: number
    socketGroup: string | undefined
    tls: TlsOptions | undefined
    plaintext: Plaintext
    /** The largest body that Envoy is configured to send along. */
    maxBodyBytes: number
    /** Age at which a TCP connection is asked to be replaced, a tenth more or less; undefined: never. */
    maxConnectionAgeMs: number | undefined
    /** Between NOT_SERVING and closing, so that health checks notice. */
    drainDelayMs: number
    /** The part of Allows that is logged, 0 to 1. */
    allowLogSampleRate: number
  }>

export type GrpcServerDeps = Pick<AuthorizationDeps, 'check' | 'clock' | 'admission' | 'overload'> &
  Readonly<{ log: Logger }>

export type GrpcServer = Readonly<{
  /** Where it listens, with the port that it got. */
  address: string
  /** Not serving until told. Checks are answered either way. */
  setServing(serving: boolean): void
  /**
   * NOT_SERVING, the delay, no new work, what is in flight finished (at most checkTimeoutMs), closed. Once.
   */
  drain(): Promise<void>
}>

/**
 * OpenTelemetry must have started: instruments are made here. Throws Rejection when it cannot listen as
 * asked.
 */
export const startGrpcServer = async (
  options: GrpcServerOptions,
  deps: GrpcServerDeps,
): Promise<GrpcServer> => {
  const address = parseListenAddress(options.listen)
  const admittance = await openAdmittance(address, options, deps.log)
  const clientNames = options.tls?.clientNames
  const server = new Server({
    'grpc.max_receive_message_length': options.maxBodyBytes + HEAD_ROOM_BYTES,
    'grpc.enable_channelz': 0,
    ...connectionAge(address, options),
    interceptors: clientNames === undefined ? [] : [admitClients(clientNames, deps.log)],
  })
  tolerateResets(server)
  // Else grpc-js writes lines of its own kind to standard error.
  setLogger({ error: (...words: unknown[]) => deps.log.warn({ source: 'grpc-js' }, words.join(' ')) })
  const health = createHealth()
  server.addService(HealthService, health.service)
  server.addService(AUTHORIZATION_SERVICE, {
    check: createAuthorization(options, {
      check: deps.check,
      clock: deps.clock,
      admission: deps.admission,
      overload: deps.overload,
      metrics: createCheckMetrics(),
      logDecision: createDecisionLog(deps.log, options.allowLogSampleRate),
      reportLimits: createLimitReport({
        metrics: createLimitMetrics(),
        memory: createSoftLimitMemory({ maxEntries: SOFT_LIMITS_TOLD }),
        log: deps.log,
      }),
    }),
  })
  const bound = await listen(server, address, admittance.credentials, options, deps.log).catch(
    (error: unknown) => {
      admittance.close()
      throw error
    },
  )
  let draining: Promise<void> | undefined
  return {
    address: bound,
    setServing: health.setServing,
    drain: () => (draining ??= drain(server, health, options).finally(admittance.close)),
  }
}

/**
 * Headers, the path twice and the frame around the body. Envoy takes 60 KiB of headers unless told otherwise.
 */
const HEAD_ROOM_BYTES = 1_048_576

/** Limits that are remembered as told, some 40 bytes each. */
const SOFT_LIMITS_TOLD = 100_000

/**
 * grpc-js asks with GOAWAY, at which Envoy opens another connection, and lets the calls in flight end. A Check
 * that Envoy sent before it read that was never begun and comes back as a refused stream: with retry_on
 * refused-stream Envoy asks again, without it some 2 Checks fail for each connection under load.
 */
const connectionAge = (
  address: ListenAddress,
  { maxConnectionAgeMs, checkTimeoutMs }: GrpcServerOptions,
): ServerOptions =>
  address.kind === 'unix' || maxConnectionAgeMs === undefined
    ? {}
    : {
        'grpc.max_connection_age_ms': maxConnectionAgeMs,
        // No Check takes longer.
        'grpc.max_connection_age_grace_ms': checkTimeoutMs,
      }

const listen = async (
  server: Server,
  address: ListenAddress,
  credentials: ServerCredentials,
  { socketMode: mode, socketGroup: group }: GrpcServerOptions,
  log: Logger,
): Promise<string> => {
  const warnOpen = (directory: string) =>
    log.warn({ directory }, 'everybody may put another socket in place of this one: take o+w away')
  const bind = (target: string) => {
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    server.bindAsync(target, credentials, (error, port) => (error === null ? resolve(port) : reject(error)))
    return promise
  }
  try {
    if (address.kind === 'tcp')
      return formatHostPort(address.host, await bind(formatHostPort(address.host, address.port)))
    await bindSocketFile({ path: address.path, mode, group, warnOpen }, async (path) => {
      await bind(`unix:${path}`)
    })
    return `unix:${address.path}`
  } catch (cause) {
    server.forceShutdown()
    if (cause instanceof Rejection) throw cause
    const why = cause instanceof Error ? cause.message : 'unknown'
    throw new Rejection('conflict', `cannot listen on ${formatListen(address)}: ${why}`)
  }
}

const formatListen = (address: ListenAddress): string =>
  address.kind === 'unix' ? `unix:${address.path}` : formatHostPort(address.host, address.port)

const drain = async (
  server: Server,
  health: Health,
  { drainDelayMs, checkTimeoutMs }: GrpcServerOptions,
): Promise<void> => {
  health.setServing(false)
  await delay(drainDelayMs)
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  server.tryShutdown(() => resolve())
  health.endWatches()
  const patience = new AbortController()
  // No Check takes longer than its timeout; a connection that is still open then is not worth waiting for.
  const late = delay(checkTimeoutMs, undefined, { signal: patience.signal }).then(
    () => server.forceShutdown(),
    () => {},
  )
  await Promise.race([closed, late])
  patience.abort()
}
