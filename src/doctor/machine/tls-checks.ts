// The TLS files: do they fit together, for how long, and who may read the key?
import { X509Certificate } from 'node:crypto'
import { stat } from 'node:fs/promises'
import type { Config } from '../../config.ts'
import { assertUsable, readTlsFiles } from '../../grpc/tls-material.ts'
import { Rejection } from '../../kernel/failure.ts'
import type { Finding } from '../finding.ts'
import { fault, fine, orFine, skipped, warning } from '../finding.ts'

const CHECKS = ['tls_files', 'tls_expiry', 'tls_key_mode']

export const examineTls = async ({ tls }: Config, nowMs: number): Promise<readonly Finding[]> => {
  if (tls === undefined) return CHECKS.map((check) => skipped(check, 'TLS is not set up'))
  try {
    const material = await readTlsFiles(tls)
    const leaf = assertUsable(material)
    return [
      fine('tls_files', 'certificate, key and client authority fit together'),
      ...examineExpiry(
        [
          { name: `the certificate in ${tls.certFile}`, certificate: leaf },
          {
            name: `the client authority in ${tls.clientCaFile}`,
            certificate: new X509Certificate(material.clientCa),
          },
        ],
        nowMs,
      ),
      ...(await examineKeyMode(tls.keyFile)),
    ]
  } catch (error) {
    if (!(error instanceof Rejection)) throw error
    return [
      fault(
        'tls_files',
        error.message,
        'give tls_cert_file a PEM chain that begins with the server, tls_key_file its key, tls_client_ca_file the authority of clients',
      ),
    ]
  }
}

const SOON_MS = 14 * 86_400_000

type Named = Readonly<{ name: string; certificate: X509Certificate }>

const examineExpiry = (all: readonly Named[], nowMs: number): readonly Finding[] => {
  const check = 'tls_expiry'
  const mistakes = all.flatMap(({ name, certificate }) => {
    const { validFromDate, validToDate } = certificate
    if (validToDate.getTime() <= nowMs)
      return [fault(check, `${name} expired at ${validToDate.toISOString()}`, RENEW)]
    if (validFromDate.getTime() > nowMs)
      return [
        fault(check, `${name} is valid only from ${validFromDate.toISOString()}`, "set this machine's clock"),
      ]
    if (validToDate.getTime() - nowMs < SOON_MS)
      return [warning(check, `${name} expires at ${validToDate.toISOString()}`, RENEW)]
    return []
  })
  return orFine(mistakes, check, 'every certificate is valid for two weeks at least')
}

const RENEW = 'renew it and put it in place: Latchkey takes it into use by itself'

const examineKeyMode = async (path: string): Promise<readonly Finding[]> => {
  const { mode } = await stat(path)
  const mistakes =
    (mode & 0o004) === 0
      ? []
      : [warning('tls_key_mode', `everybody on this machine may read ${path}`, `chmod o-r ${path}`)]
  return orFine(mistakes, 'tls_key_mode', 'not everybody may read the key')
}
