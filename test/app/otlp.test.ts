// Spans leave by every transport that OpenTelemetry's variables name, over TLS and under the headers that they give.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { mintSecret } from '../support/app-rig.ts'
import { createAuthority, createCertificate } from '../support/certificates.ts'
import { createCheckClient, summarise } from '../support/check-client.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { aDirectory, onClose } from '../support/closing.ts'
import type { OtlpProtocol } from '../support/otlp-sink.ts'
import { startOtlpSink } from '../support/otlp-sink.ts'
import { startServing } from '../support/serving.ts'

const PATHS: Readonly<Record<OtlpProtocol, string>> = {
  grpc: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  'http/protobuf': '/v1/traces',
  'http/json': '/v1/traces',
}

/** One refused Check of a Latchkey that is told to stop: only the flush at the end sends its span. */
const serveOnce = async (environment: Readonly<Record<string, string>>): Promise<readonly string[]> => {
  const serving = await startServing(await aDirectory(), {
    LATCHKEY_DRAIN_DELAY: '0ms',
    OTEL_BSP_SCHEDULE_DELAY: '3600000',
    ...environment,
  })
  onClose(() => serving.process.kill('SIGKILL'))
  const client = createCheckClient(serving.address)
  onClose(client.close)
  const headers = [['x-api-key', mintSecret()]] as const
  expect(summarise(await client.check(aCheckRequest({ headers }))).reason).toBe('invalid_key')
  serving.process.kill('SIGTERM')
  expect(await serving.ended).toBe(0)
  return serving.log
}

const ONCE = [
  ['grpc', 'TLS'],
  ['http/protobuf', 'TLS'],
  ['http/json', 'plain'],
] as const
const THE_REST = [
  ['grpc', 'plain'],
  ['http/protobuf', 'plain'],
  ['http/json', 'TLS'],
] as const
const everything = process.env['LATCHKEY_PROVE'] === '1'

test.each([...ONCE, ...(everything ? THE_REST : [])])('over %s, %s', async (protocol, over) => {
  const authority = createAuthority('authority')
  const certificate = over === 'TLS' ? createCertificate('collector', authority) : undefined
  const sink = await startOtlpSink(protocol, certificate)
  const file = join(await aDirectory(), 'ca.crt')
  writeFileSync(file, authority.certPem)
  await serveOnce({
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=acme',
    OTEL_SERVICE_NAME: 'gateway',
    ...(over === 'TLS' ? { OTEL_EXPORTER_OTLP_CERTIFICATE: file } : {}),
  })
  expect(sink.sent.length).toBeGreaterThan(0)
  const { path, headers } = sink.sent[0] ?? {}
  expect([path, headers?.['x-tenant']]).toEqual([PATHS[protocol], 'acme'])
  const bodies = Buffer.concat(sink.sent.map(({ body }) => body))
  for (const word of ['envoy.service.auth.v3.Authorization/Check', 'invalid_key', 'service.name', 'gateway'])
    expect(bodies.includes(word)).toBe(true)
})

test.each(everything ? (['grpc', 'http/protobuf'] as const) : (['grpc'] as const))(
  'over %s a collector whose certificate is not known gets nothing, and Latchkey ends as it should',
  async (protocol) => {
    const sink = await startOtlpSink(protocol, createCertificate('collector', createAuthority('unknown')))
    const file = join(await aDirectory(), 'ca.crt')
    writeFileSync(file, createAuthority('authority').certPem)
    await serveOnce({
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      OTEL_EXPORTER_OTLP_CERTIFICATE: file,
      OTEL_EXPORTER_OTLP_TIMEOUT: '300',
    })
    expect(sink.sent).toEqual([])
  },
)
