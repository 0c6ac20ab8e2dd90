// Envoy's messages as its own project publishes them, read by another implementation of protobuf: what ours is held against.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadSync } from '@grpc/proto-loader'

export type PublishedMessage = Readonly<{
  encode(value: object): Buffer
  decode(bytes: Uint8Array): Record<string, unknown>
}>

const DEPS = fileURLToPath(new URL('../../node_modules/@grpc/grpc-js-xds/deps', import.meta.url))

const PACKAGE = loadSync(
  ['envoy/service/auth/v3/external_auth.proto', 'envoy/config/core/v3/base.proto'].map((path) =>
    join(DEPS, 'envoy-api', path),
  ),
  {
    includeDirs: ['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map((name) => join(DEPS, name)),
    keepCase: true,
    longs: String,
    enums: String,
    oneofs: true,
    defaults: true,
  },
)

const SERVICE = PACKAGE['envoy.service.auth.v3.Authorization'] as unknown as {
  Check: {
    path: string
    requestSerialize(value: object): Buffer
    requestDeserialize(bytes: Buffer): Record<string, unknown>
    responseSerialize(value: object): Buffer
    responseDeserialize(bytes: Buffer): Record<string, unknown>
  }
}

export const PUBLISHED_CHECK_PATH = SERVICE.Check.path

export const PublishedCheckRequest: PublishedMessage = {
  encode: (value) => SERVICE.Check.requestSerialize(value),
  decode: (bytes) => SERVICE.Check.requestDeserialize(Buffer.from(bytes)),
}

export const PublishedCheckResponse: PublishedMessage = {
  encode: (value) => SERVICE.Check.responseSerialize(value),
  decode: (bytes) => SERVICE.Check.responseDeserialize(Buffer.from(bytes)),
}
