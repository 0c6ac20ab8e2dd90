// Who may ask: beyond loopback only a client with a certificate of the configured authority.
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { ServerCredentials } from '@grpc/grpc-js'
import { Rejection } from '../kernel/failure.ts'
import type { ListenAddress } from '../kernel/listen-address.ts'
import { isLoopback } from '../kernel/listen-address.ts'

/** PEM files. A client must show a certificate that the authorities in clientCaFile issued. */
export type TlsFiles = Readonly<{ certFile: string; keyFile: string; clientCaFile: string }>

export type TlsOptions = TlsFiles &
  Readonly<{
    /** DNS names and URIs of which a client's certificate must bear one; undefined admits every certificate. */
    clientNames: readonly string[] | undefined
  }>

/** Throws Rejection when the address needs TLS and has none, or a file cannot be used. */
export const serverCredentials = async (
  address: ListenAddress,
  tls: TlsFiles | undefined,
): Promise<ServerCredentials> => {
  if (tls === undefined) {
    if (address.kind === 'unix' || isLoopback(address.host)) return ServerCredentials.createInsecure()
    throw new Rejection(
      'invalid',
      `${address.host} is reachable from other machines: it needs a TLS certificate, its key and a client authority`,
    )
  }
  if (address.kind === 'unix')
    throw new Rejection('invalid', 'a socket file takes no TLS: its mode and group decide who may ask')
  const [certChain, privateKey, clientCa] = await Promise.all([
    pem('certificate', tls.certFile),
    pem('key', tls.keyFile),
    pem('client authority', tls.clientCaFile),
  ])
  try {
    createSecureContext({ cert: certChain, key: privateKey, ca: clientCa })
    return ServerCredentials.createSsl(clientCa, [{ cert_chain: certChain, private_key: privateKey }], true)
  } catch (cause) {
    throw new Rejection(
      'invalid',
      `the TLS files do not fit together: ${cause instanceof Error ? cause.message : 'unknown'}`,
    )
  }
}

const pem = async (what: string, path: string): Promise<Buffer> => {
  const content = await readFile(path).catch((cause: Error) => {
    throw new Rejection('invalid', `the TLS ${what} cannot be read: ${cause.message}`)
  })
  if (!content.includes('-----BEGIN '))
    throw new Rejection('invalid', `the TLS ${what} in ${path} is not PEM`)
  return content
}
