// The file of keys is read in every form that people keep keys in, and what cannot be used is named without being shown.
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { calculateJwkThumbprint } from 'jose'
import { describe, expect, it } from 'vitest'
import { parseAttestationKeys } from '../../src/grpc/attestation-keys.ts'
import { aSigningKey, jwksOf, pemOf } from '../support/attestations.ts'

const ed = aSigningKey()
const ec = aSigningKey('ES256')
const jwkOf = (key = ed) => key.export({ format: 'jwk' })
const publicOf = (key = ed) => createPublicKey(key).export({ format: 'jwk' })

describe('keys', () => {
  it.each([
    ['PEM', pemOf(ed)],
    ['a JWK set', jwksOf(jwkOf())],
    ['a JWK', JSON.stringify(jwkOf())],
  ])('of Ed25519 are read from %s, and published without the private part', async (_form, text) => {
    const { signing, published } = parseAttestationKeys(text)
    expect(signing.alg).toBe('EdDSA')
    const kid = await calculateJwkThumbprint(publicOf())
    expect(JSON.parse(published)).toEqual({ keys: [{ ...publicOf(), kid, alg: 'EdDSA', use: 'sig' }] })
    expect(published).not.toContain(jwkOf().d)
  })

  it('of P-256 are read as openssl writes them, with its parameters in front', () => {
    const sec1 = ec.export({ type: 'sec1', format: 'pem' })
    const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n'
    expect(parseAttestationKeys(parameters + String(sec1)).signing.alg).toBe('ES256')
  })

  it('the first signs and all are published, in their order, those that are public alone too', () => {
    const named = jwksOf({ ...jwkOf(ec), kid: 'now' }, { ...publicOf(), kid: 'next' })
    const { signing, kids, published } = parseAttestationKeys(named)
    expect([signing.kid, signing.alg, kids]).toEqual(['now', 'ES256', ['now', 'next']])
    expect(JSON.parse(published).keys.map(({ kid }: { kid: string }) => kid)).toEqual(['now', 'next'])
    expect(parseAttestationKeys(pemOf(ed, ec)).kids).toEqual(
      parseAttestationKeys(jwksOf(jwkOf(), jwkOf(ec))).kids,
    )
  })
})

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const sealed = ed.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' })

it.each([
  ['nothing', '', 'holds no key'],
  ['no keys', jwksOf(), 'holds no key'],
  ['a certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', 'holds no key'],
  ['broken JSON', '{"keys": [', 'is not JSON'],
  ['another list', '{"keys": {}}', 'keys is not a list'],
  ['what is no JWK', jwksOf(jwkOf()).replace(']', ',null]'), 'no JWK as key 2'],
  ['half a key', jwksOf({ kty: 'OKP', crv: 'Ed25519' }), 'cannot be read'],
  ['a passphrase', String(sealed), 'cannot be read'],
  ['RSA', pemOf(rsa), 'neither Ed25519 nor P-256'],
  ['another curve', pemOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey), 'neither Ed25519'],
  ['a public key first', jwksOf(publicOf(), jwkOf(ec)), 'begins with a public key'],
  ['a key twice', pemOf(ed, ed), 'same kid'],
  ['another alg', jwksOf({ ...jwkOf(), alg: 'ES256' }), 'whose alg is not EdDSA'],
  ['another use', jwksOf({ ...jwkOf(), use: 'enc' }), 'whose use is not sig'],
  ['a kid that is no name', jwksOf({ ...jwkOf(), kid: 'a\nb' }), 'whose kid is not'],
])('%s cannot be used, and the fault shows no key', (_what, text, fault) => {
  const parse = () => parseAttestationKeys(text)
  expect(parse).toThrow(fault)
  expect(parse).not.toThrow(jwkOf().d ?? '')
})
