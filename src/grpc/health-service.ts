// grpc.health.v1 on grpc-js. https://github.com/grpc/grpc/blob/master/doc/health-checking.md
import type { HealthServer } from './gen/grpc/health/v1/health.ts'
import type { Health } from './health.ts'
import { servingStatus } from './health-messages.ts'
import { STATUS_CODE } from './status-code.ts'

export const createHealthService = (health: Health): HealthServer => ({
  check: ({ request }, callback) => {
    const serving = health.isServing(request.service)
    if (serving === undefined) callback({ code: STATUS_CODE.NOT_FOUND, details: 'no such service' })
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
