// The two messages of grpc.health.v1, by hand: the generated ones come with grpc-js.
// https://github.com/grpc/grpc/blob/master/doc/health-checking.md
import { readMessage, WireCursor } from './wire-cursor.ts'
import { textAt } from './wire-text.ts'

export const HEALTH_CHECK_PATH = '/grpc.health.v1.Health/Check'
export const HEALTH_WATCH_PATH = '/grpc.health.v1.Health/Watch'

const SERVING_STATUS = { serving: 1, notServing: 2, serviceUnknown: 3 } as const

type ServingStatus = (typeof SERVING_STATUS)[keyof typeof SERVING_STATUS]

/** Of a service that nobody has, a watch is told so and kept. */
export const servingStatus = (serving: boolean | undefined): ServingStatus => {
  if (serving === undefined) return SERVING_STATUS.serviceUnknown
  return serving ? SERVING_STATUS.serving : SERVING_STATUS.notServing
}

/** The service that a HealthCheckRequest asks of; empty stands for the server as a whole. Throws when the bytes are none. */
export const readHealthRequest = (bytes: Buffer): string => {
  const request = { service: '' }
  readMessage(new WireCursor(bytes), bytes.length, request, (cursor, tag, into) => {
    if (tag !== SERVICE) return false
    cursor.span()
    into.service = textAt(bytes, cursor.from, cursor.at)
    return true
  })
  return request.service
}

/** A HealthCheckResponse. */
export const healthResponse = (serving: boolean | undefined): Buffer =>
  Buffer.from([STATUS, servingStatus(serving)])

/** Field 1 as bytes, and field 1 as a number. */
const SERVICE = 0x0a
const STATUS = 0x08
