// Reads OTLP trace exports, protobuf and JSON, as far as the demo shows them.
import { BinaryReader } from '@bufbuild/protobuf/wire'

export type Attribute = string | number | boolean

export type Span = Readonly<{
  traceId: string
  spanId: string
  /** Empty for a root. */
  parentSpanId: string
  name: string
  /** The resource's service.name. */
  service: string
  startNs: bigint
  endNs: bigint
  attributes: Readonly<Record<string, Attribute>>
  /** Span ids of other spans that this one names. */
  links: readonly string[]
}>

/** ExportTraceServiceRequest in protobuf. Field numbers are those of opentelemetry/proto/trace/v1. */
export const spansFromProtobuf = (bytes: Uint8Array): Span[] => {
  const spans: Span[] = []
  eachField(bytes, {
    1: (resourceSpans) => {
      let service = ''
      const scopes: Uint8Array[] = []
      eachField(resourceSpans.bytes(), {
        1: (resource) => {
          service = String(keyValues(resource.bytes(), 1)['service.name'] ?? '')
        },
        2: (scope) => scopes.push(scope.bytes()),
      })
      for (const scope of scopes)
        eachField(scope, { 2: (span) => spans.push(readSpan(span.bytes(), service)) })
    },
  })
  return spans
}

/** The same message in OTLP's JSON: ids in hex, 64-bit numbers as strings or numbers. */
export const spansFromJson = (text: string): Span[] => {
  const request: unknown = JSON.parse(text)
  return list(request, 'resourceSpans').flatMap((resourceSpans) => {
    const service = String(jsonAttributes(member(resourceSpans, 'resource'))['service.name'] ?? '')
    return list(resourceSpans, 'scopeSpans')
      .flatMap((scope) => list(scope, 'spans'))
      .map((span) => ({
        traceId: textOf(span, 'traceId'),
        spanId: textOf(span, 'spanId'),
        parentSpanId: textOf(span, 'parentSpanId'),
        name: textOf(span, 'name'),
        service,
        startNs: BigInt(textOf(span, 'startTimeUnixNano')),
        endNs: BigInt(textOf(span, 'endTimeUnixNano')),
        attributes: jsonAttributes(span),
        links: list(span, 'links').map((link) => textOf(link, 'spanId')),
      }))
  })
}

type Fields = Readonly<Record<number, (reader: BinaryReader) => unknown>>

const eachField = (bytes: Uint8Array, fields: Fields): void => {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    const read = fields[field]
    if (read === undefined) reader.skip(wireType, field)
    else read(reader)
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const readSpan = (bytes: Uint8Array, service: string): Span => {
  const span = { traceId: '', spanId: '', parentSpanId: '', name: '', startNs: 0n, endNs: 0n }
  const links: string[] = []
  eachField(bytes, {
    1: (reader) => (span.traceId = hex(reader.bytes())),
    2: (reader) => (span.spanId = hex(reader.bytes())),
    4: (reader) => (span.parentSpanId = hex(reader.bytes())),
    5: (reader) => (span.name = reader.string()),
    7: (reader) => (span.startNs = BigInt(reader.fixed64())),
    8: (reader) => (span.endNs = BigInt(reader.fixed64())),
    13: (reader) => eachField(reader.bytes(), { 2: (link) => links.push(hex(link.bytes())) }),
  })
  return { ...span, service, attributes: keyValues(bytes, 9), links }
}

const keyValues = (bytes: Uint8Array, field: number): Record<string, Attribute> => {
  const attributes: Record<string, Attribute> = {}
  eachField(bytes, {
    [field]: (reader) => {
      let key = ''
      let value: Attribute = ''
      eachField(reader.bytes(), {
        1: (entry) => (key = entry.string()),
        2: (entry) =>
          eachField(entry.bytes(), {
            1: (any) => (value = any.string()),
            2: (any) => (value = any.bool()),
            3: (any) => (value = Number(any.int64())),
            4: (any) => (value = any.double()),
          }),
      })
      attributes[key] = value
    },
  })
  return attributes
}

const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && name in value ? Reflect.get(value, name) : undefined

const list = (value: unknown, name: string): readonly unknown[] => {
  const found = member(value, name)
  return Array.isArray(found) ? found : []
}

const textOf = (value: unknown, name: string): string => {
  const found = member(value, name)
  return typeof found === 'string' || typeof found === 'number' ? String(found) : ''
}

const jsonAttributes = (holder: unknown): Record<string, Attribute> => {
  const attributes: Record<string, Attribute> = {}
  for (const entry of list(holder, 'attributes')) {
    const value = member(entry, 'value')
    const text = member(value, 'stringValue') ?? member(value, 'boolValue') ?? member(value, 'doubleValue')
    const whole = member(value, 'intValue')
    if (whole !== undefined) attributes[textOf(entry, 'key')] = Number(whole)
    else if (typeof text === 'string' || typeof text === 'boolean' || typeof text === 'number')
      attributes[textOf(entry, 'key')] = text
  }
  return attributes
}
