// TLS between a Check server and its clients: the files of the one, the channels of the others.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChannelCredentials } from '@grpc/grpc-js'
import { credentials } from '@grpc/grpc-js'
import type { TlsOptions } from '../../src/grpc/server-credentials.ts'
import type { Certificate } from './certificates.ts'
import { aDirectory } from './closing.ts'

/** Written into a folder of their own, unless one is given. */
export const tlsFiles = async (
  { certPem, keyPem }: Pick<Certificate, 'certPem' | 'keyPem'>,
  clientAuthority: Pick<Certificate, 'certPem'>,
  directory?: string,
): Promise<TlsOptions> => {
  const folder = directory ?? (await aDirectory())
  await mkdir(folder, { recursive: true })
  const [certFile, keyFile, clientCaFile] = ['tls.crt', 'tls.key', 'ca.crt'].map((name) => join(folder, name))
  if (certFile === undefined || keyFile === undefined || clientCaFile === undefined)
    throw new Error('no path')
  await Promise.all([
    writeFile(certFile, certPem),
    writeFile(keyFile, keyPem),
    writeFile(clientCaFile, clientAuthority.certPem),
  ])
  return { certFile, keyFile, clientCaFile, clientNames: undefined, reloadIntervalMs: 10 }
}

/** Trusts servers of the authority; shows the certificate of the client, if it has one. */
export const channelOf = (authority: Certificate, client?: Certificate): ChannelCredentials =>
  client === undefined
    ? credentials.createSsl(Buffer.from(authority.certPem))
    : credentials.createSsl(
        Buffer.from(authority.certPem),
        Buffer.from(client.keyPem),
        Buffer.from(client.certPem),
      )
