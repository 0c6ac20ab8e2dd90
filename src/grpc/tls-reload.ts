// Certificates that were renewed come into use without a restart, and without dropping a connection.
import type { experimental } from '@grpc/grpc-js'
import { Rejection } from '../kernel/failure.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { TlsFiles, TlsMaterial } from './tls-material.ts'
import { assertUsable, readTlsFiles } from './tls-material.ts'

export type TlsReload = Readonly<{
  /** Gives what is in use to new connections; those that stand keep what they began with. */
  provider: experimental.CertificateProvider
  /** What happens every interval. */
  look(): Promise<void>
  stop(): void
}>

/**
 * Looks at the bytes of the files every `intervalMs`, so it does not matter how they were replaced: by a rename, in
 * place, or by a symbolic link above them. What two looks in a row found alike is taken, or, when it cannot be used,
 * reported once, and the old stays. grpc-js's own FileWatcherCertificateProvider would serve nobody while a file is
 * missing, and pair a new certificate with an old key.
 */
export const startTlsReload = (
  first: TlsMaterial,
  { files, intervalMs, log }: Readonly<{ files: TlsFiles; intervalMs: number; log: Logger }>,
): TlsReload => {
  let inUse = first
  let seen = first.fingerprint
  let judged = first.fingerprint
  const listeners = createListeners(() => inUse)

  const look = async (): Promise<void> => {
    const found = await readTlsFiles(files).catch((error: Error) => error)
    const fingerprint = found instanceof Error ? found.message : found.fingerprint
    // A look can fall between two writes.
    const settled = fingerprint === seen
    seen = fingerprint
    if (!settled || fingerprint === judged) return
    judged = fingerprint
    if (fingerprint === inUse.fingerprint) return
    try {
      if (found instanceof Error) throw found
      const { validTo, subjectAltName } = assertUsable(found)
      inUse = found
      listeners.tell()
      log.info({ validTo, names: subjectAltName }, 'TLS files reloaded')
    } catch (error) {
      const why = error instanceof Rejection ? error.message : 'unknown'
      log.error({ why }, 'TLS files changed and cannot be used: the old ones stay in use')
    }
  }

  let looking = false
  const timer = setInterval(() => {
    if (looking) return
    looking = true
    void look().finally(() => {
      looking = false
    })
  }, intervalMs)
  timer.unref()
  return { provider: listeners.provider, look, stop: () => clearInterval(timer) }
}

/** grpc-js asks for the authorities and for the certificate apart, and listens once for each. */
const createListeners = (inUse: () => TlsMaterial) => {
  const authorities = new Set<experimental.CaCertificateUpdateListener>()
  const identities = new Set<experimental.IdentityCertificateUpdateListener>()
  const tellAuthorities = (listener: experimental.CaCertificateUpdateListener) =>
    listener({ caCertificate: inUse().clientCa })
  const tellIdentity = (listener: experimental.IdentityCertificateUpdateListener) =>
    listener({ certificate: inUse().certChain, privateKey: inUse().privateKey })
  const provider: experimental.CertificateProvider = {
    // Told a moment later: grpc-js hears it only when it has done listening to both.
    addCaCertificateListener: (listener) => {
      authorities.add(listener)
      queueMicrotask(() => tellAuthorities(listener))
    },
    removeCaCertificateListener: (listener) => void authorities.delete(listener),
    addIdentityCertificateListener: (listener) => {
      identities.add(listener)
      queueMicrotask(() => tellIdentity(listener))
    },
    removeIdentityCertificateListener: (listener) => void identities.delete(listener),
  }
  const tell = () => {
    for (const listener of authorities) tellAuthorities(listener)
    for (const listener of identities) tellIdentity(listener)
  }
  return { provider, tell }
}
