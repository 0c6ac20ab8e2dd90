// The real gRPC server around a decision that a test makes up.
import { createAdmissionGate } from '../../src/grpc/admission-gate.ts'
import type { GrpcServer, GrpcServerDeps } from '../../src/grpc/server.ts'
import { startGrpcServer } from '../../src/grpc/server.ts'
import { createClock } from '../../src/kernel/clock.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { createOverloadMetrics } from '../../src/telemetry/overload-metrics.ts'
import { TEST_TRANSPORT } from './transport.ts'

export const startCheckServer = (
  check: GrpcServerDeps['check'],
  options: Readonly<{
    checkTimeoutMs?: number
    credentialHeaders?: readonly string[]
    maxConnectionAgeMs?: number
  }> = {},
): Promise<GrpcServer> =>
  startGrpcServer(
    {
      listen: '127.0.0.1:0',
      transport: TEST_TRANSPORT,
      socketMode: 0o660,
      socketGroup: undefined,
      tls: undefined,
      plaintext: 'loopback',
      maxBodyBytes: 1_048_576,
      maxConnectionAgeMs: undefined,
      drainDelayMs: 0,
      allowLogSampleRate: 0,
      checkTimeoutMs: 1_000,
      failureAnswer: 'in_band',
      credentialHeaders: ['authorization'],
      ...options,
    },
    {
      check,
      clock: createClock(),
      admission: createAdmissionGate({ maxInFlight: 1_000_000 }),
      overload: createOverloadMetrics(),
      log: createLogger({ level: 'silent', format: 'json' }),
    },
  )
