// Who may ask: beyond loopback only a client with a certificate of the configured authority.
import { experimental, ServerCredentials } from '@grpc/grpc-js'
import { Rejection } from '../kernel/failure.ts'
import type { ListenAddress } from '../kernel/listen-address.ts'
import { isLoopback } from '../kernel/listen-address.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { TlsFiles } from './tls-material.ts'
import { assertUsable, readTlsFiles } from './tls-material.ts'
import { startTlsReload } from './tls-reload.ts'

export type TlsOptions = TlsFiles &
  Readonly<{
    /** DNS names and URIs of which a client's certificate must bear one; undefined admits every certificate. */
    clientNames: readonly string[] | undefined
    /** Between two looks at the files. */
    reloadIntervalMs: number
  }>

/** Where Checks are answered without TLS; `anywhere` trusts the network. */
export type Plaintext = 'loopback' | 'anywhere'

export type Admittance = Readonly<{
  credentials: ServerCredentials
  /** Looks at no file any more. */
  close(): void
}>

/** Throws Rejection when the address needs TLS and has none, or a file cannot be used. */
export const openAdmittance = async (
  address: ListenAddress,
  { tls, plaintext }: Readonly<{ tls: TlsOptions | undefined; plaintext: Plaintext }>,
  log: Logger,
): Promise<Admittance> => {
  if (tls === undefined) {
    const stays = address.kind === 'unix' || isLoopback(address.host)
    if (stays || plaintext === 'anywhere') {
      if (!stays)
        log.warn({ host: address.host }, 'without TLS: whoever reaches this address may ask and listen')
      return { credentials: ServerCredentials.createInsecure(), close: () => {} }
    }
    throw new Rejection(
      'invalid',
      `${address.host} is reachable from other machines: it needs a TLS certificate, its key and a client authority`,
    )
  }
  if (address.kind === 'unix')
    throw new Rejection('invalid', 'a socket file takes no TLS: its mode and group decide who may ask')
  const material = await readTlsFiles(tls)
  assertUsable(material)
  const { provider, stop } = startTlsReload(material, { files: tls, intervalMs: tls.reloadIntervalMs, log })
  return {
    // In whichever order it takes the two providers.
    credentials: experimental.createCertificateProviderServerCredentials(provider, provider, true),
    close: stop,
  }
}
