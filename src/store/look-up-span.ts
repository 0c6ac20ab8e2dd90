// A span for each look-up of several keys that carries a traced Check.
import type { Span } from '@opentelemetry/api'
import { trace } from '@opentelemetry/api'
import type { WantedKey } from '../keys/key-store.ts'
import { withLinkedSpan } from '../quota/linked-span.ts'

const tracer = trace.getTracer('latchkey.store')

/** When no Check is traced, as the first, so that the statement of `work` is not traced either. */
export const withLookUpSpan = async <T>(wanted: readonly WantedKey[], work: () => Promise<T>): Promise<T> => {
  const spans = wanted.flatMap(tracedSpan)
  if (spans.length === 0) return wanted[0] === undefined ? work() : wanted[0].within(work)
  const attributes = { 'latchkey.group.keys': wanted.length }
  return withLinkedSpan({ tracer, name: 'latchkey.look_up_group', attributes, spans }, work)
}

const tracedSpan = ({ within }: WantedKey): readonly Span[] => {
  const span = within(() => trace.getActiveSpan())
  return span?.isRecording() === true ? [span] : []
}
