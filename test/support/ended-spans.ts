// The spans that ended while a file's tests ran, as they would have been exported.
import { context, SpanStatusCode, trace } from '@opentelemetry/api'
import { startNodeSdk } from '@opentelemetry/sdk-node'
import { afterAll, beforeAll } from 'vitest'

export type EndedSpan = Readonly<{
  id: string
  trace: string
  name: string
  kind: number
  parent: string | undefined
  links: readonly string[]
  attributes: Readonly<Record<string, unknown>>
  failed: boolean
}>

/** Every span is recorded from the first of the file's tests to the last of them. */
export const recordSpans = (): readonly EndedSpan[] => {
  const ended: EndedSpan[] = []
  let sdk: ReturnType<typeof startNodeSdk>
  beforeAll(() => {
    sdk = startNodeSdk({
      metricReaders: [],
      logRecordProcessors: [],
      spanProcessors: [
        {
          onStart: () => {},
          onEnd: (span) => {
            const { name, kind, parentSpanContext, attributes, status } = span
            const { spanId: id, traceId } = span.spanContext()
            ended.push({
              id,
              trace: traceId,
              name,
              kind,
              parent: parentSpanContext?.spanId,
              links: span.links.map((link) => link.context.spanId),
              attributes,
              failed: status.code === SpanStatusCode.ERROR,
            })
          },
          forceFlush: () => Promise.resolve(),
          shutdown: () => Promise.resolve(),
        },
      ],
    })
  })
  afterAll(async () => {
    await sdk.shutdown()
    trace.disable()
    context.disable()
  })
  return ended
}
