// A real server with a small function in place of the decision, and real clients; all closed after each test.
import type { ChannelCredentials, ClientUnaryCall, ServiceError } from '@grpc/grpc-js'
import { credentials, Metadata } from '@grpc/grpc-js'
import { createAdmissionGate } from '../../src/grpc/admission-gate.ts'
import type { AuthorizationDeps } from '../../src/grpc/authorization.ts'
import type { CheckRequest, CheckResponse } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { AuthorizationClient } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import type { GrpcServer, GrpcServerOptions } from '../../src/grpc/server.ts'
import { startGrpcServer } from '../../src/grpc/server.ts'
import { createClock } from '../../src/kernel/clock.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { createOverloadMetrics } from '../../src/telemetry/overload-metrics.ts'
import { onClose } from './closing.ts'
import { anAllow } from './decisions.ts'
import { TEST_TRANSPORT } from './transport.ts'

export type RunningServer = GrpcServer & Readonly<{ logged: readonly string[] }>

export const OPTIONS: GrpcServerOptions = {
  listen: '127.0.0.1:0',
  transport: TEST_TRANSPORT,
  socketMode: 0o660,
  socketGroup: undefined,
  tls: undefined,
  plaintext: 'loopback',
  maxBodyBytes: 8 * 1_048_576,
  checkTimeoutMs: 10_000,
  maxConnectionAgeMs: undefined,
  drainDelayMs: 0,
  failureAnswer: 'in_band',
  credentialHeaders: ['authorization'],
  allowLogSampleRate: 1,
}

/** Allows everything unless told otherwise; on a free loopback port unless told otherwise. */
export const aServer = async (
  options: Partial<GrpcServerOptions> = {},
  check: AuthorizationDeps['check'] = async () => anAllow(),
  maxInFlight = 2_048,
): Promise<RunningServer> => {
  const logged: string[] = []
  const log = createLogger({ level: 'info', format: 'json' }, { write: (line) => logged.push(line) })
  const guards = { admission: createAdmissionGate({ maxInFlight }), overload: createOverloadMetrics() }
  const clock = createClock()
  const server = await startGrpcServer({ ...OPTIONS, ...options }, { check, clock, ...guards, log })
  onClose(() => server.drain())
  return { ...server, logged }
}

export const aClient = (
  address: string,
  channel: ChannelCredentials = credentials.createInsecure(),
): AuthorizationClient => {
  const client = new AuthorizationClient(address, channel, {
    'grpc.ssl_target_name_override': 'localhost',
    // A connection of its own, and not one that an earlier client still holds.
    'grpc.use_local_subchannel_pool': 1,
  })
  onClose(() => client.close())
  return client
}

/** Metadata as Envoy sends it. A call without a deadline of its own waits as long as the server lets it. */
export const ask = (
  client: AuthorizationClient,
  request: CheckRequest,
  metadata: Readonly<Record<string, string>> = {},
  onCall: (call: ClientUnaryCall) => void = () => {},
): Promise<CheckResponse> =>
  new Promise((resolve, reject) => {
    const sent = new Metadata()
    for (const [name, value] of Object.entries(metadata)) sent.set(name, value)
    onCall(
      client.check(request, sent, (error: ServiceError | null, response) =>
        error === null ? resolve(response) : reject(error),
      ),
    )
  })
