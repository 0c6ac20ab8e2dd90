// The key that signs attestations: can it be read, by us and by nobody else?
import { readFile, stat } from 'node:fs/promises'
import type { Config } from '../../config.ts'
import { parseAttestationKeys } from '../../grpc/attestation-keys.ts'
import { Rejection } from '../../kernel/failure.ts'
import type { Finding } from '../finding.ts'
import { fault, messageOf, orFine, skipped, warning } from '../finding.ts'

const CHECK = 'attestation_key'

export const examineAttestation = async ({ attestation }: Config): Promise<readonly Finding[]> => {
  if (attestation === undefined) return [skipped(CHECK, 'attestations are not set up')]
  const { keyFile } = attestation
  const text = await readFile(keyFile, 'utf8').catch((error: unknown) => new Error(messageOf(error)))
  if (text instanceof Error) return [unusable(`attestation_key_file cannot be read: ${text.message}`)]
  try {
    const { kids } = parseAttestationKeys(text)
    const open = ((await stat(keyFile)).mode & 0o004) !== 0
    const mistakes = open
      ? [
          warning(
            CHECK,
            `everybody on this machine may read ${keyFile}, and sign in our name`,
            `chmod o-r ${keyFile}`,
          ),
        ]
      : []
    return orFine(mistakes, CHECK, `${kids[0]} signs`)
  } catch (error) {
    if (!(error instanceof Rejection)) throw error
    return [unusable(error.message)]
  }
}

const unusable = (found: string): Finding =>
  fault(
    CHECK,
    found,
    'give attestation_key_file a private key of Ed25519 or P-256 first, as PEM or a JWK set',
  )
