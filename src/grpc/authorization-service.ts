// The Check RPC on grpc-js: bytes in, bytes out, so that what fails to decode or to encode becomes an answer of ours and not a gRPC
// error of the library.
import type { handleUnaryCall, Metadata, ServiceDefinition } from '@grpc/grpc-js'
import { machineNowMs } from '../kernel/clock.ts'
import type { AnswerCheck } from './authorization.ts'
import type { CallMetadata } from './check-span.ts'
import { AuthorizationService } from './gen/envoy/service/auth/v3/external_auth.ts'

export const AUTHORIZATION_SERVICE = {
  check: {
    ...AuthorizationService.check,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Buffer) => bytes,
  },
} satisfies ServiceDefinition

export const checkHandler =
  (answerCheck: AnswerCheck): handleUnaryCall<Buffer, Buffer> =>
  (grpcCall, callback) => {
    // The library has turned `grpc-timeout` into an instant of the machine's clock.
    const remainingMs = Number(grpcCall.getDeadline()) - machineNowMs()
    let replied = false
    const cancel = answerCheck(
      {
        bytes: grpcCall.request,
        remainingMs,
        metadata: metadataOf(grpcCall.metadata),
        hasGivenUp: grpcCall.cancelled || remainingMs <= 0,
      },
      (reply) => {
        replied = true
        if (reply.error === undefined) callback(null, reply.response)
        else callback(reply.error)
      },
    )
    // It says so of every call that ended; before our answer it means that Envoy or its client gave up.
    grpcCall.on('cancelled', () => {
      if (!replied) cancel()
    })
  }

/** The last line of a repeated field. */
const metadataOf = (metadata: Metadata): CallMetadata => ({
  get: (name) => metadata.get(name).at(-1)?.toString(),
  keys: () => Object.keys(metadata.getMap()),
})
