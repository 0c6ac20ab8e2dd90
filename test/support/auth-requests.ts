// Requests as the edge hands them to a decision.
import type { AuthRequest } from '../../src/check/auth-request.ts'

/** Header lines by name; a list makes several lines. */
export type HeaderLines = Readonly<Record<string, string | readonly string[]>>

export const headersOf = (lines: HeaderLines): ReadonlyMap<string, readonly string[]> =>
  new Map(Object.entries(lines).map(([name, value]) => [name, typeof value === 'string' ? [value] : value]))

let requests = 0

/** A request of its own identity: POST /v1/chat/completions with this body. */
export const aRequest = (
  more: Partial<Omit<AuthRequest, 'headers' | 'body'>> & {
    headers?: HeaderLines
    body?: string | Uint8Array
  } = {},
): AuthRequest => {
  const { headers = {}, body = '', ...rest } = more
  requests += 1
  return {
    id: `request-${requests}`,
    startedAt: '1795262400.000000000',
    source: '192.0.2.1',
    method: 'POST',
    path: '/v1/chat/completions',
    headers: headersOf(headers),
    body: typeof body === 'string' ? new TextEncoder().encode(body) : body,
    bodyComplete: true,
    declaredGuardrails: undefined,
    ...rest,
  }
}
