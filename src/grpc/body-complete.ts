// Whether what Envoy sent of a body is all of it, told by the request's headers.
import type { RequestHeaders } from '../check/auth-request.ts'

/** Envoy says when it cut; a body that the headers announce and nobody sent was not buffered at all. */
export const isBodyComplete = (headers: RequestHeaders, length: number): boolean => {
  const partial = headers.get('x-envoy-auth-partial-body')
  if (partial !== undefined && saysTrue(partial)) return false
  const announced = headers.get('content-length')
  if (announced !== undefined && !isLength(announced, length)) return false
  return length > 0 || !headers.has('transfer-encoding')
}

const saysTrue = (partial: readonly string[]): boolean =>
  !isOnly(partial, 'false') && valuesOf(partial).some((value) => value.toLowerCase() === 'true')

/** What is no number announces nothing. */
const isLength = (announced: readonly string[], length: number): boolean =>
  isOnly(announced, String(length)) ||
  valuesOf(announced).every((value) => !/^\d+$/.test(value) || Number(value) === length)

/** As nearly every request has it. */
const isOnly = (lines: readonly string[], line: string): boolean => lines.length === 1 && lines[0] === line

const valuesOf = (lines: readonly string[]): readonly string[] =>
  lines.flatMap((line) => line.split(',')).map((value) => value.trim())
