// A span for each group that carries a traced Check, linked to all of those and they to it.
import type { Span } from '@opentelemetry/api'
import { context, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api'
import type { Waiter } from './group.ts'

const tracer = trace.getTracer('latchkey.quota')

/** Links beyond this many are dropped by OpenTelemetry's SDK unless it is told otherwise. */
const MAX_LINKS = 128

/**
 * Runs `work` under the span, in a trace of its own: it belongs to none of its Checks alone. When none of them is traced, under the
 * context of the first, so that its statements are not traced either.
 */
export const withGroupSpan = async <T>(
  waiters: readonly Waiter[],
  rows: number,
  work: () => Promise<T>,
): Promise<T> => {
  const traced = tracedSpans(waiters)
  if (traced.length === 0) return context.with(waiters[0]?.context ?? ROOT_CONTEXT, work)
  const links = traced.slice(0, MAX_LINKS).map((span) => ({ context: span.spanContext() }))
  const attributes = { 'latchkey.group.charges': waiters.length, 'latchkey.group.rows': rows }
  const span = tracer.startSpan('latchkey.charge_group', { links, attributes }, ROOT_CONTEXT)
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

const tracedSpans = (waiters: readonly Waiter[]): readonly Span[] =>
  waiters.flatMap((waiter) => {
    const span = trace.getSpan(waiter.context)
    return span?.isRecording() === true ? span : []
  })
