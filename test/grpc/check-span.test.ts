// A Check costs a span only when somebody collects them.
import { expect, it } from 'vitest'
import { createCheckSpans } from '../../src/grpc/check-span.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { startTelemetry } from '../../src/telemetry/telemetry.ts'
import { createOtlpCollector } from '../support/otlp-collector.ts'

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

const startOne = () => createCheckSpans()(new Map([['traceparent', traceparent]]))

it('nothing is traced before tracing starts and after it ends, and meanwhile the trace is the one of the call', async () => {
  expect(startOne().traceId).toBeUndefined()
  expect(startOne()).toBe(startOne())
  const collector = await createOtlpCollector()
  try {
    process.env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] = `${collector.url}/v1/traces`
    const telemetry = await startTelemetry(
      { version: '1', traces: true, metrics: false, serviceName: 'latchkey' },
      createLogger({ level: 'silent', format: 'json' }),
    )
    const span = startOne()
    expect(span.traceId).toBe('0af7651916cd43dd8448eb211c80319c')
    await telemetry.close()
  } finally {
    delete process.env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']
    await collector.close()
  }
  expect(startOne().traceId).toBeUndefined()
})
