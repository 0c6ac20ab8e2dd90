// A statement of the hot path under its span: SQLite answers within the call.
import type { Statement } from '../statement-span.ts'
import { startStatementSpan } from '../statement-span.ts'

export const spanned = <T>(statement: Statement, work: () => T): T => {
  const span = startStatementSpan('sqlite', statement)
  try {
    return work()
  } catch (error) {
    span.fail(error)
    throw error
  } finally {
    span.end()
  }
}
