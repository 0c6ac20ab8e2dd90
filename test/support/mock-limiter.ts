// The service that Envoy's rate-limit filter asks, which admits everything and remembers what it was asked.
import { BinaryReader } from '@bufbuild/protobuf/wire'
import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js'
import { Server, ServerCredentials } from '@grpc/grpc-js'

export type AskedLimit = Readonly<{
  entries: Readonly<Record<string, string>>
  /** In place of the service's own, when Envoy sends one: the unit by its number in the service's messages. */
  override: Readonly<{ requestsPerUnit: number; unit: number }> | undefined
}>

export type MockLimiter = Readonly<{ port: number; asked: readonly AskedLimit[]; close(): void }>

export const startMockLimiter = async (): Promise<MockLimiter> => {
  const asked: AskedLimit[] = []
  const server = new Server()
  const shouldRateLimit: UntypedServiceImplementation[string] = (
    call: { request: Buffer },
    callback: (error: null, response: Buffer) => void,
  ) => {
    asked.push(...descriptorsIn(call.request))
    callback(null, ADMITTED)
  }
  server.addService(SERVICE, { shouldRateLimit })
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
    error === null ? resolve(port) : reject(error),
  )
  return { port: await promise, asked, close: () => server.forceShutdown() }
}

const raw = (bytes: Buffer) => bytes
const SERVICE: ServiceDefinition = {
  shouldRateLimit: {
    path: '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit',
    requestStream: false,
    responseStream: false,
    requestSerialize: raw,
    requestDeserialize: raw,
    responseSerialize: raw,
    responseDeserialize: raw,
  },
}

/** A RateLimitResponse: overall_code OK. */
const ADMITTED = Buffer.from([0x08, 0x01])

/** Of a RateLimitRequest, field 2. */
const descriptorsIn = (request: Uint8Array): readonly AskedLimit[] =>
  messagesIn(request, 2).map((descriptor) => ({
    entries: Object.fromEntries(
      messagesIn(descriptor, 1).map((entry) => [textIn(entry, 1), textIn(entry, 2)] as const),
    ),
    override: messagesIn(descriptor, 2).map((limit) => ({
      requestsPerUnit: numberIn(limit, 1),
      unit: numberIn(limit, 2),
    }))[0],
  }))

const fieldsIn = (bytes: Uint8Array): readonly (readonly [number, Uint8Array | number])[] => {
  const reader = new BinaryReader(bytes)
  const fields: [number, Uint8Array | number][] = []
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    fields.push([number, type === 2 ? reader.bytes() : reader.uint32()])
  }
  return fields
}

const messagesIn = (bytes: Uint8Array, field: number): readonly Uint8Array[] =>
  fieldsIn(bytes).flatMap(([number, value]) => (number === field && typeof value !== 'number' ? [value] : []))

const textIn = (bytes: Uint8Array, field: number): string =>
  Buffer.from(messagesIn(bytes, field)[0] ?? []).toString()

const numberIn = (bytes: Uint8Array, field: number): number =>
  fieldsIn(bytes).flatMap(([number, value]) =>
    number === field && typeof value === 'number' ? [value] : [],
  )[0] ?? 0
