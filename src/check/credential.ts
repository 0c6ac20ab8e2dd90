// Where a key may stand in a request; more than one, or a malformed one, is refused.
import type { AuthRequest } from './auth-request.ts'
import type { Deny } from './decision.ts'
import { deny } from './decision.ts'
import { keysInProtocols, PROTOCOLS_HEADER } from './websocket-protocols.ts'

/** Unknown, malformed and revoked keys are told the same, so that nobody learns which it was. */
export const denyInvalidKey = (detail: string): Deny =>
  deny('invalid_key', 'The API key is not valid.', { detail })

/**
 * The token as the client sent it, not yet recognised. Header names are lower-case; `authorization` carries a Bearer token, and of
 * `sec-websocket-protocol` only the entry for a key counts.
 */
export const findCredential = (
  { headers }: AuthRequest,
  credentialHeaders: readonly string[],
): { token: string } | Deny => {
  let token: string | undefined
  for (const name of credentialHeaders) {
    const lines = headers.get(name)
    if (lines === undefined) continue
    const found = name === PROTOCOLS_HEADER ? protocolToken(lines) : tokenOf(name, lines)
    if (found === undefined) continue
    if (typeof found !== 'string') return found
    if (token !== undefined && token !== found) return denyAmbiguous(`${name} differs from another header`)
    token = found
  }
  return token === undefined ? deny('missing_key', 'No API key was given.') : { token }
}

const tokenOf = (name: string, lines: readonly string[]): string | Deny => {
  const line = lines[0]
  if (line === undefined || lines.length > 1 || line.includes(','))
    return denyAmbiguous(`${name} is repeated`)
  const found = name === 'authorization' ? bearerToken(line) : plainToken(line)
  return found ?? denyInvalidKey(`${name} is malformed`)
}

/** Undefined when a websocket is opened with its key elsewhere. */
const protocolToken = (lines: readonly string[]): string | Deny | undefined => {
  const keys = keysInProtocols(lines)
  if (keys === 'malformed') return denyInvalidKey(`${PROTOCOLS_HEADER} is malformed`)
  const [key] = keys
  if (key === undefined) return undefined
  if (keys.length > 1) return denyAmbiguous(`${PROTOCOLS_HEADER} has more than one key`)
  return plainToken(key) ?? denyInvalidKey(`${PROTOCOLS_HEADER} is malformed`)
}

// RFC 6750 b64token. Everything else is refused before anybody interprets it.
const TOKEN = /^[A-Za-z0-9._~+/-]{1,512}=*$/

// RFC 9110: a scheme's case is ignored, one space stands before the credentials. Tested and cut: a match costs twice that.
const BEARER = /^bearer [A-Za-z0-9._~+/-]{1,512}=*$/i

const bearerToken = (line: string): string | undefined =>
  BEARER.test(line) ? line.slice('bearer '.length) : undefined

const plainToken = (line: string): string | undefined => (TOKEN.test(line) ? line : undefined)

const denyAmbiguous = (detail: string): Deny =>
  deny('ambiguous_key', 'More than one API key was given; send exactly one.', { detail })
