// Whether what Envoy sent of a body is all of it, told by the request's headers.
import type { RequestHeaders } from '../check/auth-request.ts'

/** Envoy says when it cut; a body that the headers announce and nobody sent was not buffered at all. */
export const isBodyComplete = (headers: RequestHeaders, length: number): boolean => {
  const partial = headers.get('x-envoy-auth-partial-body')
  if (partial !== undefined && valuesOf(partial).some((value) => value.toLowerCase() === 'true')) return false
  const announced = headers.get('content-length')
  if (announced !== undefined && !isLength(announced, length)) return false
  return length > 0 || !headers.has('transfer-encoding')
}

/** What is no number announces nothing. */
const isLength = (announced: readonly string[], length: number): boolean =>
  (announced.length === 1 && announced[0] === String(length)) ||
  valuesOf(announced).every((value) => !/^\d+$/.test(value) || Number(value) === length)

const valuesOf = (lines: readonly string[]): readonly string[] =>
  lines.flatMap((line) => line.split(',')).map((value) => value.trim())
