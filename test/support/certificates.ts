// X.509 certificates for tests, made with node:crypto alone: an authority, a server on loopback, clients.
import type { KeyObject } from 'node:crypto'
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

export type Certificate = Readonly<{ name: string; certPem: string; keyPem: string; key: KeyObject }>

/** A self-signed certificate that may sign others. */
export const createAuthority = (name: string): Certificate => issue(name, undefined, [BASIC_CONSTRAINTS_CA])

/** For a server at 127.0.0.1, ::1 and localhost, or for a client: usable as both. `names` in place of localhost. */
export const createCertificate = (
  name: string,
  authority: Certificate,
  names: ClientNames = {},
): Certificate => issue(name, authority, [alternativeNames(names)])

export type ClientNames = Readonly<{ dns?: readonly string[]; uris?: readonly string[] }>

const issue = (
  name: string,
  authority: Certificate | undefined,
  extensions: readonly Buffer[],
): Certificate => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const toBeSigned = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_WITH_SHA256,
    distinguishedName(authority?.name ?? name),
    sequence(utcTime('250101000000Z'), utcTime('491231235959Z')),
    distinguishedName(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensions)),
  )
  const signature = sign('sha256', toBeSigned, authority?.key ?? privateKey)
  const certificate = sequence(toBeSigned, ECDSA_WITH_SHA256, tagged(0x03, Buffer.from([0]), signature))
  return {
    name,
    certPem: pem(certificate),
    keyPem: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    key: privateKey,
  }
}

/** DER, ITU-T X.690: tag, length, content. */
const tagged = (tag: number, ...content: readonly Buffer[]): Buffer => {
  const { length } = Buffer.concat(content)
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), ...content])
}

const sequence = (...content: readonly Buffer[]): Buffer => tagged(0x30, ...content)
const integer = (bytes: Buffer): Buffer => tagged(0x02, bytes)
const objectId = (hex: string): Buffer => tagged(0x06, Buffer.from(hex, 'hex'))
const utcTime = (text: string): Buffer => tagged(0x17, Buffer.from(text))

const ECDSA_WITH_SHA256 = sequence(objectId('2a8648ce3d040302'))

const distinguishedName = (commonName: string): Buffer =>
  sequence(tagged(0x31, sequence(objectId('550403'), tagged(0x0c, Buffer.from(commonName)))))

const extension = (id: string, value: Buffer): Buffer => sequence(objectId(id), tagged(0x04, value))

const BASIC_CONSTRAINTS_CA = extension('551d13', sequence(tagged(0x01, Buffer.from([0xff]))))

const alternativeNames = ({ dns = ['localhost'], uris = [] }: ClientNames): Buffer =>
  extension(
    '551d11',
    sequence(
      ...dns.map((name) => tagged(0x82, Buffer.from(name))),
      tagged(0x87, Buffer.from([127, 0, 0, 1])),
      tagged(0x87, Buffer.concat([Buffer.alloc(15), Buffer.from([1])])),
      ...uris.map((uri) => tagged(0x86, Buffer.from(uri))),
    ),
  )

const pem = (der: Buffer): string =>
  [
    '-----BEGIN CERTIFICATE-----',
    ...(der.toString('base64').match(/.{1,64}/g) ?? []),
    '-----END CERTIFICATE-----',
    '',
  ].join('\n')
