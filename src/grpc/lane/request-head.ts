// The fields of a request, judged once: what a gRPC call says before its message. RFC 9113, 8.1 to 8.3, and gRPC over HTTP/2.
import type { Field } from './static-table.ts'

export type RequestHead = Readonly<{
  path: string
  /** Milliseconds from the head's arrival; Infinity without. */
  timeoutMs: number
  /** All regular fields; the last line of a repeated one. */
  metadata: ReadonlyMap<string, string>
  /** Bytes of DATA that it announces, as it was written. */
  contentLength: string | undefined
  /** It is no gRPC call, and answered in HTTP. */
  httpError: 405 | 415 | undefined
}>

const PSEUDO = new Set([':method', ':scheme', ':path', ':authority'])
/** 8.2.2: they speak of a connection, and have no meaning here. */
const OF_CONNECTIONS = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
])
/** 8.2.1: a token without upper case; what separates lines where fields are lines, in no value. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
const SEPARATES = /[\0\r\n]/

/** `malformed` is an error of the stream (8.1.1). */
export const judgeHead = (fields: readonly Field[]): RequestHead | 'malformed' => {
  const pseudo = new Map<string, string>()
  const metadata = new Map<string, string>()
  if (fields.some(([, value]) => SEPARATES.test(value))) return 'malformed'
  for (const [name, value] of fields)
    if (!name.startsWith(':')) {
      if (!isRegular(name, value)) return 'malformed'
      metadata.set(name, value)
    } else if (metadata.size > 0 || pseudo.has(name) || !PSEUDO.has(name)) return 'malformed'
    else pseudo.set(name, value)
  const path = pseudo.get(':path') ?? ''
  if (path === '' || !pseudo.has(':method') || !pseudo.has(':scheme')) return 'malformed'
  return {
    path,
    timeoutMs: timeoutMsOf(metadata.get('grpc-timeout')),
    metadata,
    contentLength: metadata.get('content-length'),
    httpError: httpErrorOf(pseudo.get(':method'), metadata.get('content-type')),
  }
}

const isRegular = (name: string, value: string): boolean =>
  NAME.test(name) && !OF_CONNECTIONS.has(name) && (name !== 'te' || value === 'trailers')

const httpErrorOf = (method: string | undefined, contentType = ''): 405 | 415 | undefined => {
  if (method !== 'POST') return 405
  return /^application\/grpc($|[+;])/.test(contentType) ? undefined : 415
}

/** Trailers of a request have no pseudo-fields (8.1). */
export const areTrailers = (fields: readonly Field[]): boolean =>
  fields.every(([name, value]) => NAME.test(name) && !SEPARATES.test(value))

const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
}

/** What cannot be read grants nothing special: as if it were not there. */
const timeoutMsOf = (text = ''): number => {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? []
  const unitMs = UNIT_MS[unit ?? '']
  return unitMs === undefined ? Number.POSITIVE_INFINITY : Number(digits) * unitMs
}
