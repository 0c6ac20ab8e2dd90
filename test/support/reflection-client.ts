// Asks a server for what it serves, as grpcurl does: by the published protocol, read by another implementation of protobuf.
import { fileURLToPath } from 'node:url'
import type { ChannelCredentials } from '@grpc/grpc-js'
import { Client, credentials } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

export type ReflectionVersion = 'v1' | 'v1alpha'

type Answer = Readonly<{
  listServicesResponse?: { service: readonly { name: string }[] } | null
  fileDescriptorResponse?: { fileDescriptorProto: readonly Buffer[] } | null
  errorResponse?: { errorCode: number } | null
}>

/** One question on a stream of its own. Rejects with the gRPC error when there is one. */
export const reflect = async (
  address: string,
  question: Readonly<Record<string, string>>,
  version: ReflectionVersion = 'v1',
  channel: ChannelCredentials = credentials.createInsecure(),
): Promise<Answer> => {
  const { path, requestSerialize, responseDeserialize } = METHOD[version]
  const client = new Client(address, channel, { 'grpc.ssl_target_name_override': 'localhost' })
  const answered = Promise.withResolvers<Answer>()
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize)
  stream.on('data', (answer: Answer) => answered.resolve(answer)).on('error', answered.reject)
  stream.write(question)
  stream.end()
  return answered.promise.finally(() => client.close())
}

export const servicesAt = async (
  address: string,
  version?: ReflectionVersion,
  channel?: ChannelCredentials,
): Promise<readonly string[]> =>
  (await reflect(address, { listServices: '' }, version, channel)).listServicesResponse?.service.map(
    ({ name }) => name,
  ) ?? []

type Method = Readonly<{
  path: string
  requestSerialize(value: object): Buffer
  responseDeserialize(bytes: Buffer): Answer
}>

const methodOf = (version: ReflectionVersion): Method => {
  const path = `../../node_modules/@grpc/reflection/build/proto/grpc/reflection/${version}/reflection.proto`
  const proto = loadSync(fileURLToPath(new URL(path, import.meta.url)), { oneofs: true, defaults: true })
  const service = proto[`grpc.reflection.${version}.ServerReflection`] as unknown as {
    ServerReflectionInfo: Method
  }
  return service.ServerReflectionInfo
}

const METHOD: Readonly<Record<ReflectionVersion, Method>> = {
  v1: methodOf('v1'),
  v1alpha: methodOf('v1alpha'),
}
