// Prints one trace as a tree, children below their parents in the order in which they began.
import type { Attribute, Span } from './otlp.ts'

/** Lines without line ends. `attributes` names those that are worth a look. */
export const traceTree = (
  spans: readonly Span[],
  traceId: string,
  attributes: readonly string[] = [],
): string[] => {
  const trace = spans
    .filter((span) => span.traceId === traceId)
    .toSorted((a, b) => Number(a.startNs - b.startNs))
  const ids = new Set(trace.map((span) => span.spanId))
  const roots = trace.filter((span) => !ids.has(span.parentSpanId))
  return [
    `trace ${traceId}`,
    ...roots.flatMap((root, index) => branch(trace, root, '', index === roots.length - 1, attributes)),
  ]
}

const branch = (
  trace: readonly Span[],
  span: Span,
  indent: string,
  last: boolean,
  shown: readonly string[],
): string[] => {
  const children = trace.filter((candidate) => candidate.parentSpanId === span.spanId)
  const below = indent + (last ? '   ' : '│  ')
  return [
    `${indent}${last ? '└─ ' : '├─ '}${describe(span, shown)}`,
    ...children.flatMap((child, index) => branch(trace, child, below, index === children.length - 1, shown)),
  ]
}

const describe = (span: Span, shown: readonly string[]): string => {
  const durationMs = Number(span.endNs - span.startNs) / 1e6
  const facts = shown.flatMap((name) => fact(name, span.attributes[name]))
  return [`${span.service}: ${span.name}`, `${durationMs.toFixed(1)} ms`, ...facts].join('  ')
}

const fact = (name: string, value: Attribute | undefined): string[] =>
  value === undefined ? [] : [`${name}=${value}`]
