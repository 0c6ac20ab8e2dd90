// grpc.health.v1 on grpc-js. https://github.com/grpc/grpc/blob/master/doc/health-checking.md
import { status } from '@grpc/grpc-js'
import type { HealthServer } from './gen/grpc/health/v1/health.ts'
import { HealthCheckResponse_ServingStatus } from './gen/grpc/health/v1/health.ts'
import type { Health } from './health.ts'

const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = HealthCheckResponse_ServingStatus

export const createHealthService = (health: Health): HealthServer => ({
  check: ({ request }, callback) => {
    const serving = health.isServing(request.service)
    if (serving === undefined) callback({ code: status.NOT_FOUND, details: 'no such service' })
    else callback(null, { status: servingStatus(serving) })
  },
  watch: (stream) => {
    const stop = health.watch(stream.request.service, {
      tell: (serving) => stream.write({ status: servingStatus(serving) }),
      end: () => stream.end(),
    })
    stream.on('cancelled', stop)
  },
})

/** Of a service that nobody has, a watch is told so and kept. */
export const servingStatus = (serving: boolean | undefined): HealthCheckResponse_ServingStatus => {
  if (serving === undefined) return SERVICE_UNKNOWN
  return serving ? SERVING : NOT_SERVING
}
