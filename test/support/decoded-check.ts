// The AuthRequest of a CheckRequest by way of the generated codec: the long way round, which the short way is held against.
import type { AuthRequest } from '../../src/check/auth-request.ts'
import type { HeaderValue } from '../../src/grpc/gen/envoy/config/core/v3/base.ts'
import type { AttributeContext_HttpRequest } from '../../src/grpc/gen/envoy/service/auth/v3/attribute_context.ts'
import type { CheckRequest } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import type { Timestamp } from '../../src/grpc/gen/google/protobuf/timestamp.ts'

/** With all its headers to walk through. */
export type DecodedRequest = AuthRequest & Readonly<{ headers: ReadonlyMap<string, readonly string[]> }>

/** undefined when the request is not HTTP. */
export const toAuthRequest = ({ attributes }: CheckRequest): DecodedRequest | undefined => {
  const http = attributes?.request?.http
  if (http === undefined) return undefined
  const { headers, pseudo } = readHeaders(http)
  const body = bodyOf(http)
  return {
    id: http.id,
    startedAt: instantOf(attributes?.request?.time),
    source: attributes?.source?.address?.address?.value.address ?? '',
    method: http.method || (pseudo.get(':method') ?? ''),
    path: latin1(http.path) || (pseudo.get(':path') ?? ''),
    headers,
    body,
    bodyComplete: isComplete(headers, body),
    declaredGuardrails: namesIn(attributes?.contextExtensions.get(GUARDRAILS_EXTENSION)),
  }
}

const GUARDRAILS_EXTENSION = 'latchkey_guardrails'

type Headers = Readonly<{ headers: Map<string, string[]>; pseudo: Map<string, string> }>

/**
 * Envoy fills one of the two forms, by encode_raw_headers: lines, or a map whose repeated lines are joined
 * with a comma.
 */
const readHeaders = ({ headerMap, headers: joined }: AttributeContext_HttpRequest): Headers => {
  const read: Headers = { headers: new Map(), pseudo: new Map() }
  for (const header of headerMap?.headers ?? []) addHeader(read, header.key, textOf(header))
  if (read.headers.size + read.pseudo.size === 0)
    for (const [key, value] of joined) addHeader(read, key, latin1(value))
  return read
}

const addHeader = ({ headers, pseudo }: Headers, key: string, value: string): void => {
  const name = key.toLowerCase()
  if (name.startsWith(':')) {
    pseudo.set(name, value)
    return
  }
  const lines = headers.get(name)
  if (lines === undefined) headers.set(name, [value])
  else lines.push(value)
}

const textOf = ({ rawValue, value }: HeaderValue): string =>
  rawValue.length > 0 ? rawValue.toString('latin1') : latin1(value)

/** A protobuf string holds text; the same bytes as Latin-1 make both header forms read alike. */
const latin1 = (text: string): string =>
  ASCII.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1')

const ASCII = /^[ -~]*$/

/** The string form has lost what was not UTF-8: Envoy replaced it before it asked. */
const bodyOf = ({ rawBody, body }: AttributeContext_HttpRequest): Uint8Array =>
  rawBody.length > 0 || body === '' ? rawBody : Buffer.from(body, 'utf8')

/** Envoy says when it cut; a body that the headers announce and nobody sent was not buffered at all. */
const isComplete = (headers: ReadonlyMap<string, readonly string[]>, body: Uint8Array): boolean => {
  if (valuesOf(headers, 'x-envoy-auth-partial-body').some((value) => value.toLowerCase() === 'true'))
    return false
  const lengths = valuesOf(headers, 'content-length').filter((value) => /^\d+$/.test(value))
  if (lengths.some((length) => Number(length) !== body.length)) return false
  return body.length > 0 || !headers.has('transfer-encoding')
}

const valuesOf = (headers: ReadonlyMap<string, readonly string[]>, name: string): readonly string[] =>
  (headers.get(name) ?? []).flatMap((line) => line.split(',')).map((value) => value.trim())

/** Seconds and nanoseconds as they came: half of what tells a retried Check from a new one. */
const instantOf = (time: Timestamp | undefined): string =>
  time === undefined ? '' : `${time.seconds}.${String(time.nanos).padStart(9, '0')}`

const namesIn = (list: string | undefined): readonly string[] | undefined =>
  list
    ?.split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
