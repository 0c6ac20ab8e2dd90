// Names of headers and of clients as settings.
import { form, fromText } from './form.ts'
import { listJson, listOf } from './list-of.ts'

/** Lower case, so that a header's name is compared as Envoy sends it. */
export const headerName = () => form('a header name', HEADER_JSON, fromText(parseHeaderName))

/** One that Latchkey sets for the model server under a name of the operator's. */
export const upstreamHeaderName = () =>
  form(
    'the name of a header that Latchkey may set: letters, digits and dashes, none that HTTP, Envoy or providers use themselves',
    { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9-]{0,127}$' },
    fromText((input) => {
      const name = parseHeaderName(input)
      return name !== undefined && PLAIN_NAME.test(name) && !TAKEN_NAME.test(name) ? name : undefined
    }),
  )

const PLAIN_NAME = /^[a-z0-9][a-z0-9-]*$/
const TAKEN_NAME =
  /^(x-envoy-.*|x-forwarded-.*|x-request-id|x-ratelimit-.*|content-.*|accept.*|authorization|connection|cookie|date|expect|forwarded|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|user-agent|via|traceparent|tracestate)$/

export const headerNames = () =>
  form('a list of different header names', listJson(HEADER_JSON), (input) => {
    const names = listOf(input)?.map((name) => (typeof name === 'string' ? parseHeaderName(name) : undefined))
    if (names === undefined || names.length === 0 || new Set(names).size < names.length) return undefined
    return names.every((name) => name !== undefined) ? names : undefined
  })

/** Compared as they are: no wildcards, and a URI with its scheme. */
export const clientNames = () =>
  form(
    'a list of DNS names and URIs such as envoy.example or spiffe://example/envoy',
    listJson({ type: 'string' }),
    (input) => {
      const names = listOf(input)?.map((name) =>
        typeof name === 'string' && (DNS_NAME.test(name) || URI.test(name)) ? name : undefined,
      )
      return names !== undefined && names.length > 0 && names.every((name) => name !== undefined)
        ? names
        : undefined
    },
  )

const HEADER_JSON = { type: 'string', pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$" }
const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]{1,128}$/

const DNS_NAME = /^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$/
const URI = /^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$/

const parseHeaderName = (input: string): string | undefined => {
  const name = input.toLowerCase()
  // Names that we set ourselves can never be something a client brings.
  return HEADER_NAME.test(name) && !name.startsWith('x-latchkey-') && name !== 'host' ? name : undefined
}
