// The PEM files behind TLS, read together and found to fit together.
import { createHash, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { Rejection } from '../kernel/failure.ts'

/** PEM files. A client must show a certificate that the authorities in clientCaFile issued. */
export type TlsFiles = Readonly<{ certFile: string; keyFile: string; clientCaFile: string }>

export type TlsMaterial = Readonly<{
  certChain: Buffer
  privateKey: Buffer
  clientCa: Buffer
  /** The same for the same bytes. */
  fingerprint: string
}>

/** Throws Rejection when a file cannot be read. */
export const readTlsFiles = async (files: TlsFiles): Promise<TlsMaterial> => {
  const [certChain, privateKey, clientCa] = await Promise.all([
    read('certificate', files.certFile),
    read('key', files.keyFile),
    read('client authority', files.clientCaFile),
  ])
  const digests = [certChain, privateKey, clientCa].map((content) =>
    createHash('sha256').update(content).digest('hex'),
  )
  return { certChain, privateKey, clientCa, fingerprint: digests.join() }
}

/** Throws Rejection unless a server can work with them. Returns the certificate that clients will see. */
export const assertUsable = ({ certChain, privateKey, clientCa }: TlsMaterial): X509Certificate => {
  const [leaf] = certificatesIn('certificate', certChain)
  certificatesIn('client authority', clientCa)
  if (!privateKey.includes(PEM_BEGINS)) throw new Rejection('invalid', 'the TLS key is not PEM')
  try {
    createSecureContext({ cert: certChain, key: privateKey, ca: clientCa })
  } catch (cause) {
    throw new Rejection('invalid', `the TLS files do not fit together: ${messageOf(cause)}`)
  }
  return leaf
}

const PEM_BEGINS = '-----BEGIN '

/** OpenSSL takes what it can read of a file and is silent about the rest, as of one that is half written. */
const certificatesIn = (what: string, pem: Buffer): readonly [X509Certificate, ...X509Certificate[]] => {
  const blocks = pem
    .toString('latin1')
    .split(/(?=-----BEGIN )/)
    .filter((block) => block.startsWith(PEM_BEGINS))
  try {
    const [first, ...more] = blocks.map((block) => new X509Certificate(block))
    if (first !== undefined) return [first, ...more]
  } catch (cause) {
    throw new Rejection('invalid', `the TLS ${what} cannot be used: ${messageOf(cause)}`)
  }
  throw new Rejection('invalid', `the TLS ${what} is not PEM`)
}

const read = async (what: string, path: string): Promise<Buffer> =>
  readFile(path).catch((cause: unknown) => {
    throw new Rejection('invalid', `the TLS ${what} cannot be read: ${messageOf(cause)}`)
  })

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : 'unknown')
