// A CheckRequest's bytes to AuthRequest: looked through once, decoded where and when somebody asks.
import type { AuthRequest, RequestHeaders } from '../check/auth-request.ts'
import { isBodyComplete } from './body-complete.ts'
import type { AttributeNotes, HttpNotes } from './wire-check.ts'
import { readNotes } from './wire-check.ts'
import { WireCursor } from './wire-cursor.ts'
import type { WireHeaders } from './wire-headers.ts'
import { createWireHeaders } from './wire-headers.ts'
import { latin1At, textAt, utf8At } from './wire-text.ts'

/**
 * undefined when the request is not HTTP. Throws when the bytes are no CheckRequest, whether or not anybody would ask
 * for what is damaged. The bytes must stay as they are for as long as the request is used.
 */
export const readCheckRequest = (bytes: Buffer): AuthRequest | undefined => {
  const { attributes } = readNotes(new WireCursor(bytes))
  const http = attributes?.request?.http
  return attributes === undefined || http === undefined ? undefined : new WireRequest(bytes, attributes, http)
}

class WireRequest implements AuthRequest {
  readonly headers: RequestHeaders
  private readonly bytes: Buffer
  private readonly attributes: AttributeNotes
  private readonly http: HttpNotes
  private readonly lines: WireHeaders
  private readMethod: string | undefined
  private readPath: string | undefined
  private readBody: Uint8Array | undefined

  constructor(bytes: Buffer, attributes: AttributeNotes, http: HttpNotes) {
    this.bytes = bytes
    this.attributes = attributes
    this.http = http
    this.lines = headersOf(http)
    this.headers = this.lines
  }

  get id(): string {
    return textAt(this.bytes, this.http.idFrom, this.http.idTo)
  }

  /** Seconds and nanoseconds as they came: half of what tells a retried Check from a new one. */
  get startedAt(): string {
    const time = this.attributes.request?.time
    return time === undefined ? '' : `${time.seconds}.${String(time.nanos).padStart(9, '0')}`
  }

  get source(): string {
    const { source } = this.attributes
    return source === undefined ? '' : textAt(this.bytes, source.addressFrom, source.addressTo)
  }

  get method(): string {
    const { methodFrom, methodTo } = this.http
    this.readMethod ??=
      usualText(this.bytes, methodFrom, methodTo, USUAL_METHODS) ??
      (textAt(this.bytes, methodFrom, methodTo) || this.lines.last(':method'))
    return this.readMethod
  }

  get path(): string {
    const { pathFrom, pathTo } = this.http
    this.readPath ??=
      usualText(this.bytes, pathFrom, pathTo, USUAL_PATHS) ??
      (latin1At(this.bytes, pathFrom, pathTo) || this.lines.last(':path'))
    return this.readPath
  }

  get body(): Uint8Array {
    this.readBody ??= bodyOf(this.bytes, this.http)
    return this.readBody
  }

  get bodyComplete(): boolean {
    return isBodyComplete(this.headers, this.body.length)
  }

  get declaredGuardrails(): readonly string[] | undefined {
    const { guardrails } = this.attributes
    if (guardrails === undefined) return undefined
    return namesIn(textAt(this.bytes, guardrails.valueFrom, guardrails.valueTo))
  }
}

/** Told by their bytes, no new string is made of them: half of what the path would cost. */
const usualText = (bytes: Buffer, from: number, to: number, usual: readonly string[]): string | undefined => {
  for (const text of usual) if (to - from === text.length && holds(bytes, from, text)) return text
  return undefined
}

const holds = (bytes: Buffer, from: number, text: string): boolean => {
  for (let at = text.length - 1; at >= 0; at -= 1) if (bytes[from + at] !== text.charCodeAt(at)) return false
  return true
}

const USUAL_METHODS = ['POST', 'GET']
const USUAL_PATHS = ['/v1/chat/completions', '/v1/messages', '/v1/responses', '/v1/embeddings']

/**
 * Envoy fills one of the two forms, by encode_raw_headers: lines, or a map whose repeated lines are joined
 * with a comma.
 */
const headersOf = ({ headerMap, headers }: HttpNotes): WireHeaders =>
  headerMap === undefined || headerMap.isEmpty ? (headers ?? NO_HEADERS) : headerMap

const NO_HEADERS = createWireHeaders(Buffer.alloc(0), 'lines')

/** The string form has lost what was not UTF-8: Envoy replaced it before it asked. */
const bodyOf = (bytes: Buffer, { rawBodyFrom, rawBodyTo, bodyFrom, bodyTo }: HttpNotes): Uint8Array =>
  rawBodyTo > rawBodyFrom ? bytes.subarray(rawBodyFrom, rawBodyTo) : utf8At(bytes, bodyFrom, bodyTo)

const namesIn = (list: string): readonly string[] =>
  list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
