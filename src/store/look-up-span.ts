// A span for each look-up of several keys that carries a traced Check, linked to all of those and they to it.
import type { Span } from '@opentelemetry/api'
import { context, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api'
import type { WantedKey } from '../keys/key-store.ts'

const tracer = trace.getTracer('latchkey.store')

/**
 * Runs `work` under the span, in a trace of its own: it belongs to none of its Checks alone. When none of them is traced, as the
 * first, so that its statement is not traced either.
 */
export const withLookUpSpan = async <T>(wanted: readonly WantedKey[], work: () => Promise<T>): Promise<T> => {
  const traced = wanted.flatMap(tracedSpan)
  if (traced.length === 0) return wanted[0] === undefined ? work() : wanted[0].within(work)
  const links = traced.map((span) => ({ context: span.spanContext() }))
  const attributes = { 'latchkey.group.keys': wanted.length }
  const span = tracer.startSpan('latchkey.look_up_group', { links, attributes }, ROOT_CONTEXT)
  for (const check of traced) check.addLink({ context: span.spanContext() })
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

const tracedSpan = ({ within }: WantedKey): readonly Span[] => {
  const span = within(() => trace.getActiveSpan())
  return span?.isRecording() === true ? [span] : []
}
