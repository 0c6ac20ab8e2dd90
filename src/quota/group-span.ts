// A span for each group that carries a traced Check.
import type { Span } from '@opentelemetry/api'
import { context, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import type { Waiter } from './group.ts'
import { withLinkedSpan } from './linked-span.ts'

const tracer = trace.getTracer('latchkey.quota')

/** When no Check is traced, under the context of the first, so that the statements of `work` are not traced either. */
export const withGroupSpan = async <T>(
  waiters: readonly Waiter[],
  rows: number,
  work: () => Promise<T>,
): Promise<T> => {
  const spans = tracedSpans(waiters)
  if (spans.length === 0) return context.with(waiters[0]?.context ?? ROOT_CONTEXT, work)
  const attributes = { 'latchkey.group.charges': waiters.length, 'latchkey.group.rows': rows }
  return withLinkedSpan({ tracer, name: 'latchkey.charge_group', attributes, spans }, work)
}

const tracedSpans = (waiters: readonly Waiter[]): readonly Span[] =>
  waiters.flatMap((waiter) => {
    const span = trace.getSpan(waiter.context)
    return span?.isRecording() === true ? span : []
  })
