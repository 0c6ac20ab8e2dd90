// A refusal to bytes, at a third of what the generated code costs: they come in floods.
import { field, overwritingHeader, structEntry, TAG, utf8, varint } from './answer-bytes.ts'
import type { Answer } from './check-response.ts'
import type { HeaderValueOption } from './gen/envoy/config/core/v3/base.ts'
import type { DeniedHttpResponse } from './gen/envoy/service/auth/v3/external_auth.ts'

/** To the byte what the generated code makes of what `toCheckResponse` and `toErrorResponse` build, and of nothing else. */
export const encodeAnswer = ({ status, httpResponse, dynamicMetadata }: Answer): Buffer => {
  const told = integer(TAG.status.code, status.code) + text(TAG.status.message, status.message)
  const facts = Object.entries(dynamicMetadata).map(([name, fact]) => structEntry(name, fact))
  const bytes =
    field(TAG.response.status, told) +
    field(TAG.response[httpResponse.$case], deniedResponse(httpResponse.value)) +
    field(TAG.response.dynamicMetadata, facts.join(''))
  return Buffer.from(bytes, 'latin1')
}

const deniedResponse = ({ status, headers, body }: DeniedHttpResponse): string =>
  field(TAG.deniedResponse.status, integer(TAG.httpStatus.code, status?.code ?? 0)) +
  overwritten(TAG.deniedResponse.headers, headers) +
  text(TAG.deniedResponse.body, body)

const overwritten = (tag: string, options: readonly HeaderValueOption[]): string => {
  let bytes = ''
  for (const { header } of options)
    if (header !== undefined) bytes += overwritingHeader(tag, header.key, header.value)
  return bytes
}

/** What is 0 or empty is not written. */
const integer = (tag: string, value: number): string => (value === 0 ? '' : tag + varint(value))
const text = (tag: string, value: string): string => (value === '' ? '' : field(tag, utf8(value)))
