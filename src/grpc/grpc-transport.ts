// Calls by grpc-js: TLS, and everything that the lane leaves to it.
import { setTimeout as delay } from 'node:timers/promises'
import type { ServerOptions } from '@grpc/grpc-js'
import { Server, setLogger } from '@grpc/grpc-js'
import type { ListenAddress } from '../kernel/listen-address.ts'
import { formatHostPort } from '../kernel/listen-address.ts'
import { AUTHORIZATION_SERVICE, checkHandler } from './authorization-service.ts'
import { admitClients } from './client-names.ts'
import { HealthService } from './gen/grpc/health/v1/health.ts'
import { createHealthService } from './health-service.ts'
import { tolerateResets } from './reset-guard.ts'
import type { Plaintext, TlsOptions } from './server-credentials.ts'
import { openAdmittance } from './server-credentials.ts'
import type { Answering, Transport } from './transport.ts'
import { HEAD_ROOM_BYTES } from './transport.ts'

type Options = Readonly<{
  tls: TlsOptions | undefined
  plaintext: Plaintext
  maxBodyBytes: number
  maxConnectionAgeMs: number | undefined
  checkTimeoutMs: number
  reflection?: boolean
}>

/** Throws Rejection when nobody may be admitted as asked. */
export const createGrpcTransport = async (
  address: ListenAddress,
  options: Options,
  { answerCheck, health, log }: Answering,
): Promise<Transport> => {
  const admittance = await openAdmittance(address, options, log)
  const clientNames = options.tls?.clientNames
  const server = new Server({
    'grpc.max_receive_message_length': options.maxBodyBytes + HEAD_ROOM_BYTES,
    'grpc.enable_channelz': 0,
    ...connectionAge(address, options),
    interceptors: clientNames === undefined ? [] : [admitClients(clientNames, log)],
  })
  tolerateResets(server)
  // Else grpc-js writes lines of its own kind to standard error.
  setLogger({ error: (...words: unknown[]) => log.warn({ source: 'grpc-js' }, words.join(' ')) })
  server.addService(HealthService, createHealthService(health))
  server.addService(AUTHORIZATION_SERVICE, { check: checkHandler(answerCheck) })
  if (options.reflection === true) {
    const { addReflection } = await import('./reflection.ts')
    addReflection(server)
  }
  const listen = (target: string) => {
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    server.bindAsync(target, admittance.credentials, (error, port) =>
      error === null ? resolve(port) : reject(error),
    )
    return promise
  }
  return {
    listenUnix: async (path) => {
      await listen(`unix:${path}`)
    },
    listenTcp: (host, port) => listen(formatHostPort(host, port)),
    drain: (patienceMs) => drain(server, patienceMs).finally(admittance.close),
  }
}

/**
 * grpc-js asks with GOAWAY, at which Envoy opens another connection, and lets the calls in flight end. A Check
 * that Envoy sent before it read that was never begun and comes back as a refused stream: with retry_on
 * refused-stream Envoy asks again, without it some 2 Checks fail for each connection under load.
 */
const connectionAge = (
  address: ListenAddress,
  { maxConnectionAgeMs, checkTimeoutMs }: Options,
): ServerOptions =>
  address.kind === 'unix' || maxConnectionAgeMs === undefined
    ? {}
    : {
        'grpc.max_connection_age_ms': maxConnectionAgeMs,
        // No Check takes longer.
        'grpc.max_connection_age_grace_ms': checkTimeoutMs,
      }

const drain = async (server: Server, patienceMs: number): Promise<void> => {
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  server.tryShutdown(() => resolve())
  const patience = new AbortController()
  const late = delay(patienceMs, undefined, { signal: patience.signal }).then(
    () => server.forceShutdown(),
    () => {},
  )
  await Promise.race([closed, late])
  patience.abort()
}
