// The server that Envoy asks: bind, limits, health, drain.
import { setTimeout as delay } from 'node:timers/promises'
import { Rejection } from '../kernel/failure.ts'
import type { ListenAddress } from '../kernel/listen-address.ts'
import { formatHostPort, isLoopback, parseListenAddress } from '../kernel/listen-address.ts'
import { createSoftLimitMemory } from '../quota/soft-limit-memory.ts'
import { createCheckMetrics } from '../telemetry/check-metrics.ts'
import { createLimitMetrics } from '../telemetry/limit-metrics.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { AuthorizationDeps, AuthorizationOptions } from './authorization.ts'
import { createAuthorization } from './authorization.ts'
import { createDecisionLog } from './decision-log.ts'
import type { Health } from './health.ts'
import { createHealth } from './health.ts'
import { createLimitReport } from './limit-report.ts'
import type { Plaintext, TlsOptions } from './server-credentials.ts'
import { bindSocketFile } from './socket-file.ts'
import type { Answering, Transport } from './transport.ts'

export type GrpcServerOptions = AuthorizationOptions &
  Readonly<{
    /** `unix:PATH`, `HOST:PORT` or `[IPV6]:PORT`; beyond loopback only with `tls`, or `plaintext` anywhere. */
    listen: string
    /** `lane`: our own, for a socket file or loopback without TLS. */
    transport: 'lane' | 'grpc-js'
    /** By grpc-js only. */
    reflection?: boolean
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
  transport: 'lane' | 'grpc-js'
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
  const health = createHealth()
  const answerCheck = createAuthorization(options, {
    check: deps.check,
    clock: deps.clock,
    admission: deps.admission,
    overload: deps.overload,
    metrics: createCheckMetrics(),
    logDecision: createDecisionLog(deps.log, options.allowLogSampleRate),
    untold: (error) =>
      deps.log.error({ error: String(error) }, 'a decision was answered and could not be told'),
    reportLimits: createLimitReport({
      metrics: createLimitMetrics(),
      memory: createSoftLimitMemory({ maxEntries: SOFT_LIMITS_TOLD }),
      log: deps.log,
    }),
  })
  const answering = { answerCheck, health, clock: deps.clock, log: deps.log }
  const carriedBy = mayUseLane(address, options) ? 'lane' : 'grpc-js'
  const transport = await createTransport(carriedBy, address, options, answering)
  const bound = await listen(transport, address, options, deps.log)
  let draining: Promise<void> | undefined
  return {
    address: bound,
    transport: carriedBy,
    setServing: health.setServing,
    drain: () => (draining ??= drain(transport, health, options)),
  }
}

/** Limits that are remembered as told, some 40 bytes each. */
const SOFT_LIMITS_TOLD = 100_000

/** It trusts its peer, and has no TLS: for who may reach a socket file, or the loopback. */
const mayUseLane = (address: ListenAddress, { transport, tls }: GrpcServerOptions): boolean =>
  transport === 'lane' && tls === undefined && (address.kind === 'unix' || isLoopback(address.host))

/** Loads one of the two: grpc-js by itself takes 55 ms to load. */
const createTransport = async (
  carriedBy: GrpcServer['transport'],
  address: ListenAddress,
  options: GrpcServerOptions,
  answering: Answering,
): Promise<Transport> => {
  if (carriedBy === 'lane') {
    const { createLaneTransport } = await import('./lane-transport.ts')
    return createLaneTransport(address, options, answering)
  }
  const { createGrpcTransport } = await import('./grpc-transport.ts')
  return createGrpcTransport(address, options, answering)
}

const listen = async (
  transport: Transport,
  address: ListenAddress,
  { socketMode: mode, socketGroup: group }: GrpcServerOptions,
  log: Logger,
): Promise<string> => {
  const warnOpen = (directory: string) =>
    log.warn({ directory }, 'everybody may put another socket in place of this one: take o+w away')
  try {
    if (address.kind === 'tcp')
      return formatHostPort(address.host, await transport.listenTcp(address.host, address.port))
    await bindSocketFile({ path: address.path, mode, group, warnOpen }, transport.listenUnix)
    return `unix:${address.path}`
  } catch (cause) {
    await transport.drain(0)
    if (cause instanceof Rejection) throw cause
    const why = cause instanceof Error ? cause.message : 'unknown'
    throw new Rejection('conflict', `cannot listen on ${formatListen(address)}: ${why}`)
  }
}

const formatListen = (address: ListenAddress): string =>
  address.kind === 'unix' ? `unix:${address.path}` : formatHostPort(address.host, address.port)

/** No Check takes longer than its timeout; a connection that is still open then is not worth waiting for. */
const drain = async (
  transport: Transport,
  health: Health,
  { drainDelayMs, checkTimeoutMs }: GrpcServerOptions,
): Promise<void> => {
  health.setServing(false)
  await delay(drainDelayMs)
  const drained = transport.drain(checkTimeoutMs)
  health.endWatches()
  await drained
}
