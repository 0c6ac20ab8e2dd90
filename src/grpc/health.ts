// grpc.health.v1: whether new requests should come here, for the server as a whole and for the Authorization
// service.
import type { ServerWritableStream } from '@grpc/grpc-js'
import { status } from '@grpc/grpc-js'
import type { HealthCheckRequest, HealthCheckResponse, HealthServer } from './gen/grpc/health/v1/health.ts'
import { HealthCheckResponse_ServingStatus } from './gen/grpc/health/v1/health.ts'

export type Health = Readonly<{
  service: HealthServer
  setServing(serving: boolean): void
  /** Ends the streams of those who watch: they would keep a drain waiting for ever. */
  endWatches(): void
}>

export const HEALTH_NAMES: readonly string[] = ['', 'envoy.service.auth.v3.Authorization']

const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = HealthCheckResponse_ServingStatus

/** Not serving until told. */
export const createHealth = (): Health => {
  let serving = false
  const watches = new Map<
    ServerWritableStream<HealthCheckRequest, HealthCheckResponse>,
    'known' | 'unknown'
  >()
  const current = (): HealthCheckResponse => ({ status: serving ? SERVING : NOT_SERVING })
  return {
    service: {
      check: ({ request }, callback) => {
        if (HEALTH_NAMES.includes(request.service)) callback(null, current())
        else callback({ code: status.NOT_FOUND, details: 'no such service' })
      },
      // Of a service that nobody has, the protocol says SERVICE_UNKNOWN and keeps the stream.
      watch: (stream) => {
        const known = HEALTH_NAMES.includes(stream.request.service)
        stream.write(known ? current() : { status: SERVICE_UNKNOWN })
        watches.set(stream, known ? 'known' : 'unknown')
        stream.on('cancelled', () => watches.delete(stream))
      },
    },
    setServing: (now) => {
      if (now === serving) return
      serving = now
      for (const [stream, name] of watches) if (name === 'known') stream.write(current())
    },
    endWatches: () => {
      for (const stream of watches.keys()) stream.end()
      watches.clear()
    },
  }
}
