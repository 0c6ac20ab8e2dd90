// What the lane answers: Check and health.
import { BinaryReader } from '@bufbuild/protobuf/wire'
import type { AnswerCheck } from './authorization.ts'
import { AuthorizationService } from './gen/envoy/service/auth/v3/external_auth.ts'
import { HealthCheckRequest, HealthCheckResponse, HealthService } from './gen/grpc/health/v1/health.ts'
import type { Health } from './health.ts'
import { servingStatus } from './health-service.ts'
import { STATUS } from './lane/grpc-status.ts'
import type { LaneMethod } from './lane/lane.ts'

export const laneMethods = (answerCheck: AnswerCheck, health: Health): ReadonlyMap<string, LaneMethod> =>
  new Map([
    [AuthorizationService.check.path, checkMethod(answerCheck)],
    [HealthService.check.path, healthMethod(health)],
    [HealthService.watch.path, watchMethod(health)],
  ])

const checkMethod =
  (answerCheck: AnswerCheck): LaneMethod =>
  (call, bytes) => {
    const { timeoutMs: remainingMs, metadata } = call.head
    const asked = { bytes, remainingMs, metadata, hasGivenUp: remainingMs <= 0 }
    const cancel = answerCheck(asked, (reply) => {
      if (reply.error === undefined) call.answer(reply.response)
      else call.end(reply.error.code, reply.error.details)
    })
    call.onCancelled(cancel)
  }

const healthMethod =
  (health: Health): LaneMethod =>
  (call, message) => {
    const service = serviceIn(message)
    const serving = service === undefined ? undefined : health.isServing(service)
    if (service === undefined) call.end(STATUS.internal, 'the message cannot be read')
    else if (serving === undefined) call.end(STATUS.notFound, 'no such service')
    else call.answer(encoded(serving))
  }

const watchMethod =
  (health: Health): LaneMethod =>
  (call, message) => {
    const service = serviceIn(message)
    if (service === undefined) return call.end(STATUS.internal, 'the message cannot be read')
    const stop = health.watch(service, {
      tell: (serving) => call.send(encoded(serving)),
      end: () => call.end(STATUS.ok, ''),
    })
    call.onCancelled(stop)
  }

const serviceIn = (message: Buffer): string | undefined => {
  try {
    return HealthCheckRequest.decode(new BinaryReader(message)).service
  } catch {
    return undefined
  }
}

const encoded = (serving: boolean | undefined): Uint8Array =>
  HealthCheckResponse.encode({ status: servingStatus(serving) }).finish()
