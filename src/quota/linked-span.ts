// A span for work that several Checks share: linked to each of those that is traced, and they to it.
import type { Attributes, Span, Tracer } from '@opentelemetry/api'
import { context, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api'

type LinkedSpan = Readonly<{
  tracer: Tracer
  name: string
  attributes: Attributes
  /** Of the Checks, one of them at least. */
  spans: readonly Span[]
}>

/** Links beyond this many are dropped by OpenTelemetry's SDK unless it is told otherwise. */
const MAX_LINKS = 128

/** Runs `work` under the span, in a trace of its own: it belongs to none of its Checks alone. */
export const withLinkedSpan = async <T>(
  { tracer, name, attributes, spans }: LinkedSpan,
  work: () => Promise<T>,
): Promise<T> => {
  const links = spans.slice(0, MAX_LINKS).map((span) => ({ context: span.spanContext() }))
  const span = tracer.startSpan(name, { links, attributes }, ROOT_CONTEXT)
  for (const check of spans) check.addLink({ context: span.spanContext() })
  try {
    return await context.with(trace.setSpan(ROOT_CONTEXT, span), work)
  } catch (error) {
    span.setAttribute('error.type', error instanceof Error ? error.name : 'unknown')
    span.setStatus({ code: SpanStatusCode.ERROR })
    throw error
  } finally {
    span.end()
  }
}
