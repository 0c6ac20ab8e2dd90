// A collector of each OTLP transport, over TLS or not: keeps what it was sent as bytes, with the headers it came under.
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { buffer } from 'node:stream/consumers'
import type { ServiceDefinition } from '@grpc/grpc-js'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import type { Certificate } from './certificates.ts'
import { onClose } from './closing.ts'

export type OtlpProtocol = 'grpc' | 'http/protobuf' | 'http/json'

type Sent = Readonly<{ headers: Readonly<Record<string, unknown>>; path: string; body: Buffer }>

export type OtlpSink = Readonly<{ url: string; sent: readonly Sent[] }>

/** Closed after the test. */
export const startOtlpSink = (
  protocol: OtlpProtocol,
  certificate: Certificate | undefined,
): Promise<OtlpSink> => (protocol === 'grpc' ? startGrpcSink(certificate) : startHttpSink(certificate))

const EXPORT_PATHS = [
  '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
]

const asTheyCome = (bytes: Buffer): Buffer => bytes

const serviceAt = (path: string): ServiceDefinition => ({
  export: {
    path,
    requestStream: false,
    responseStream: false,
    requestDeserialize: asTheyCome,
    requestSerialize: asTheyCome,
    responseDeserialize: asTheyCome,
    responseSerialize: asTheyCome,
  },
})

const startGrpcSink = async (certificate: Certificate | undefined): Promise<OtlpSink> => {
  const sent: Sent[] = []
  const server = new Server()
  for (const path of EXPORT_PATHS)
    server.addService(serviceAt(path), {
      export: (
        call: { request: Buffer; metadata: { getMap(): Record<string, unknown> } },
        answer: (error: null, value: Buffer) => void,
      ) => {
        sent.push({ headers: call.metadata.getMap(), path, body: call.request })
        answer(null, Buffer.alloc(0))
      },
    })
  const credentials =
    certificate === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [
          { cert_chain: Buffer.from(certificate.certPem), private_key: Buffer.from(certificate.keyPem) },
        ])
  const bound = Promise.withResolvers<number>()
  server.bindAsync('127.0.0.1:0', credentials, (error, port) =>
    error === null ? bound.resolve(port) : bound.reject(error),
  )
  onClose(() => server.forceShutdown())
  return { url: urlOf(certificate, await bound.promise), sent }
}

const startHttpSink = async (certificate: Certificate | undefined): Promise<OtlpSink> => {
  const sent: Sent[] = []
  const take = (request: IncomingMessage, response: ServerResponse) =>
    void buffer(request).then((body) => {
      sent.push({ headers: request.headers, path: request.url ?? '', body })
      response.writeHead(200, { 'content-type': request.headers['content-type'] ?? '' }).end()
    })
  const server =
    certificate === undefined
      ? createHttpServer(take)
      : createHttpsServer({ cert: certificate.certPem, key: certificate.keyPem }, take)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onClose(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return { url: urlOf(certificate, address.port), sent }
}

const urlOf = (certificate: Certificate | undefined, port: number): string =>
  certificate === undefined ? `http://localhost:${port}` : `https://localhost:${port}`
