// How a gRPC call can end, and what a refusal is called in an answer: the codes that we use, by the names they have everywhere.
// https://github.com/grpc/grpc/blob/master/doc/statuscodes.md

/** Our own table, or the lane would load a whole second gRPC library for nine numbers. */
export const STATUS_CODE = {
  OK: 0,
  INVALID_ARGUMENT: 3,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const

export type StatusName = keyof typeof STATUS_CODE
export type StatusCode = (typeof STATUS_CODE)[StatusName]
