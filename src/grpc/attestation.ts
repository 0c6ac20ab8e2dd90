// The signed word on an Allow: a JWT that tells the model server who asks and which guardrails must run, whoever else reaches it.
import { sign } from 'node:crypto'
import type { AuthRequest } from '../check/auth-request.ts'
import type { Allow } from '../check/decision.ts'
import type { AttestationKeys, SigningKey } from './attestation-keys.ts'

export type AttestationOptions = Readonly<{
  issuer: string
  audience: string | undefined
  /** At least a second. */
  ttlMs: number
}>

/** What is another for each request. */
export type Attested = Readonly<{
  decisionId: string
  request: Pick<AuthRequest, 'headers'> | undefined
  /** UTC milliseconds. */
  nowMs: number
}>

export type Attestor = Readonly<{
  /** The beginning of the claims, encoded: the same for each request of a key to one model. */
  claimsOf(allow: Allow): string
  /** A compact JWT. Signed in the turn in which the Check is answered. */
  attest(claims: string, about: Attested): string
}>

/** `keys` is asked for each time: they may be replaced. */
export const createAttestor = (
  { issuer, audience, ttlMs }: AttestationOptions,
  keys: () => AttestationKeys,
): Attestor => ({
  claimsOf: ({ key, guardrails, model, route }) => {
    const owner = key.owners[0]?.path
    const claims = { iss: issuer, aud: audience, sub: key.id, owner, guardrails, model, route }
    return inThrees(`${JSON.stringify(claims).slice(0, -1)},`)
  },
  attest: (claims, { decisionId, request, nowMs }) => {
    const { signing } = keys()
    const issuedAt = Math.floor(nowMs / 1_000)
    const expires = Math.floor((nowMs + ttlMs) / 1_000)
    const requestId = requestIdOf(request)
    const named = requestId === undefined ? '' : `,"request_id":${JSON.stringify(requestId)}`
    const rest = `"jti":"${decisionId}","iat":${issuedAt},"exp":${expires}${named}}`
    const signed = `${headerOf(signing)}.${claims}${Buffer.from(rest, 'latin1').toString('base64url')}`
    return `${signed}.${signatureOf(signing, signed)}`
  },
})

/** Filled up with spaces, which JSON passes over, so that what follows can be encoded by itself. */
const inThrees = (text: string): string => {
  const { length } = Buffer.from(text)
  return Buffer.from(text + ' '.repeat((3 - (length % 3)) % 3)).toString('base64url')
}

/** The id that the model server sees as well. One that could not be compared with what it sees is left out. */
const requestIdOf = (request: Attested['request']): string | undefined => {
  const lines = request?.headers.get('x-request-id')
  const [id] = lines ?? []
  return lines?.length === 1 && id !== undefined && REQUEST_ID.test(id) ? id : undefined
}

const REQUEST_ID = /^[!-~]{1,128}$/

/** A type of its own: no other token that the same key may sign passes for an attestation, RFC 8725 section 3.11. */
const headerOf = (signing: SigningKey): string => {
  const held = HEADERS.get(signing)
  if (held !== undefined) return held
  const { alg, kid } = signing
  const header = JSON.stringify({ alg, kid, typ: 'latchkey-attestation+jwt' })
  const made = Buffer.from(header).toString('base64url')
  HEADERS.set(signing, made)
  return made
}

const HEADERS = new WeakMap<SigningKey, string>()

/** Node's `sign` without a callback: 30 µs for Ed25519, 55 µs for P-256, less than a task on another thread and back. */
const signatureOf = ({ alg, key }: SigningKey, signed: string): string => {
  const bytes = Buffer.from(signed, 'latin1')
  const signature =
    alg === 'EdDSA' ? sign(null, bytes, key) : sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' })
  return signature.toString('base64url')
}
