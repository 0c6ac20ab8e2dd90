// A span for each statement of the hot path: what was run, never with which values.
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'

export type Statement = Readonly<{
  /** SELECT, UPDATE, COMMIT … */
  operation: string
  /** The first table, or undefined for BEGIN and COMMIT. */
  table: string | undefined
  /** With a ? for each value. */
  text: string
}>

export type DatabaseSystem = 'sqlite' | 'mysql' | 'mariadb'

export type StatementSpan = Readonly<{
  /** Only the class of an error is recorded: messages of databases quote values. */
  fail(error: unknown): void
  end(): void
}>

const tracer = trace.getTracer('latchkey.store')

/** Names follow OpenTelemetry's semantic conventions for database calls. Without an SDK nothing is recorded. */
export const startStatementSpan = (
  system: DatabaseSystem,
  { operation, table, text }: Statement,
): StatementSpan => {
  const span = tracer.startSpan(table === undefined ? operation : `${operation} ${table}`, {
    kind: SpanKind.CLIENT,
    attributes: {
      'db.system.name': system,
      'db.operation.name': operation,
      ...(table === undefined ? {} : { 'db.collection.name': table }),
      'db.query.text': text,
    },
  })
  return {
    fail: (error) => {
      span.setAttribute('error.type', error instanceof Error ? error.name : 'unknown')
      span.setStatus({ code: SpanStatusCode.ERROR })
    },
    end: () => span.end(),
  }
}
