// The keys that sign attestations: read from PEM or from a JWK set, published without what is secret.
import type { JsonWebKey, KeyObject } from 'node:crypto'
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto'
import { Rejection } from '../kernel/failure.ts'

export type SigningKey = Readonly<{ kid: string; alg: 'EdDSA' | 'ES256'; key: KeyObject }>

export type AttestationKeys = Readonly<{
  signing: SigningKey
  /** Of all keys, the signing one first. */
  kids: readonly string[]
  /** A JWK set of the public keys, JSON: https://www.rfc-editor.org/rfc/rfc7517#section-5 */
  published: string
}>

/**
 * The first key signs and must be a private one; all are published, so those that follow may be public alone. Throws Rejection, which
 * repeats nothing of the text.
 */
export const parseAttestationKeys = (text: string): AttestationKeys => {
  const keys = (text.trimStart().startsWith('{') ? fromJwks(text) : fromPem(text)).map(known)
  const [first] = keys
  if (first === undefined) throw wrong('holds no key: neither PEM nor a JWK set')
  if (first.key.type !== 'private') throw wrong('begins with a public key: the first one signs')
  const kids = keys.map(({ kid }) => kid)
  if (new Set(kids).size < kids.length) throw wrong('holds two keys of the same kid')
  const published = JSON.stringify({ keys: keys.map(({ jwk }) => jwk) })
  return { signing: { kid: first.kid, alg: first.alg, key: first.key }, kids, published }
}

type Found = Readonly<{ key: KeyObject; jwk?: JsonWebKey }>

const fromPem = (text: string): readonly Found[] =>
  [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g)]
    .filter(([, label = '']) => label.endsWith('KEY'))
    .map(([pem, label = ''], at) => ({
      key: readable(at, () => (label === 'PUBLIC KEY' ? createPublicKey(pem) : createPrivateKey(pem))),
    }))

const fromJwks = (text: string): readonly Found[] => {
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch {
    throw wrong('is not JSON')
  }
  const { keys = [read] } = read as { keys?: unknown }
  if (!Array.isArray(keys)) throw wrong('is not a JWK set: keys is not a list')
  return keys.map((jwk: JsonWebKey | null, at) => {
    if (jwk === null || typeof jwk !== 'object') throw wrong(`has no JWK as key ${at + 1}`)
    const input = { key: jwk, format: 'jwk' } as const
    return {
      key: readable(at, () => (jwk.d === undefined ? createPublicKey(input) : createPrivateKey(input))),
      jwk,
    }
  })
}

const readable = (at: number, read: () => KeyObject): KeyObject => {
  try {
    return read()
  } catch {
    throw wrong(`holds a key, number ${at + 1}, that cannot be read (one with a passphrase cannot)`)
  }
}

/** With the words that its owner gave it, which must agree with what it is. */
const known = ({ key, jwk: given = {} }: Found, at: number) => {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' })
  const alg = crv === 'Ed25519' ? 'EdDSA' : crv === 'P-256' ? 'ES256' : undefined
  if (alg === undefined) throw wrong(`holds a key, number ${at + 1}, that is neither Ed25519 nor P-256`)
  if (given['alg'] !== undefined && given['alg'] !== alg && given['alg'] !== crv)
    throw wrong(`holds a key, number ${at + 1}, whose alg is not ${alg}`)
  if (given['use'] !== undefined && given['use'] !== 'sig')
    throw wrong(`holds a key, number ${at + 1}, whose use is not sig`)
  // In this order it is what RFC 7638 hashes.
  const material = alg === 'EdDSA' ? { crv, kty, x } : { crv, kty, x, y }
  const kid = given['kid'] ?? createHash('sha256').update(JSON.stringify(material)).digest('base64url')
  if (typeof kid !== 'string' || !/^[!-~]{1,128}$/.test(kid))
    throw wrong(`holds a key, number ${at + 1}, whose kid is not 1 to 128 visible ASCII characters`)
  return { key, kid, alg, jwk: { ...material, kid, alg, use: 'sig' } } as const
}

const wrong = (what: string): Rejection => new Rejection('invalid', `attestation_key_file ${what}`)
