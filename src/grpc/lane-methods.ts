// What the lane answers: Check and health.
import type { AnswerCheck } from './authorization.ts'
import type { Health } from './health.ts'
import { HEALTH_CHECK_PATH, HEALTH_WATCH_PATH, healthResponse, readHealthRequest } from './health-messages.ts'
import type { LaneMethod } from './lane/lane.ts'
import { STATUS_CODE } from './status-code.ts'

export const laneMethods = (answerCheck: AnswerCheck, health: Health): ReadonlyMap<string, LaneMethod> =>
  new Map([
    [CHECK_PATH, checkMethod(answerCheck)],
    [HEALTH_CHECK_PATH, healthMethod(health)],
    [HEALTH_WATCH_PATH, watchMethod(health)],
  ])

/** The generated service says the same, but brings grpc-js. */
const CHECK_PATH = '/envoy.service.auth.v3.Authorization/Check'

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
    if (service === undefined) call.end(STATUS_CODE.INTERNAL, 'the message cannot be read')
    else if (serving === undefined) call.end(STATUS_CODE.NOT_FOUND, 'no such service')
    else call.answer(healthResponse(serving))
  }

const watchMethod =
  (health: Health): LaneMethod =>
  (call, message) => {
    const service = serviceIn(message)
    if (service === undefined) return call.end(STATUS_CODE.INTERNAL, 'the message cannot be read')
    const stop = health.watch(service, {
      tell: (serving) => call.send(healthResponse(serving)),
      end: () => call.end(STATUS_CODE.OK, ''),
    })
    call.onCancelled(stop)
  }

const serviceIn = (message: Buffer): string | undefined => {
  try {
    return readHealthRequest(message)
  } catch {
    return undefined
  }
}
