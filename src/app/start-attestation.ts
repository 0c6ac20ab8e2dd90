// Starts what signs Allows, and what publishes the keys that verify them; without a key file there is neither.
import type { Config } from '../config.ts'
import type { Attestor } from '../grpc/attestation.ts'
import { createAttestor } from '../grpc/attestation.ts'
import { openAttestationFile } from '../grpc/attestation-file.ts'
import type { Lifecycle } from '../kernel/lifecycle.ts'
import type { HealthDocuments } from '../telemetry/health-listener.ts'
import type { Logger } from '../telemetry/logger.ts'

/** Throws Rejection when the file cannot be used. */
export const startAttestation = async (
  { attestation }: Pick<Config, 'attestation'>,
  log: Logger,
  lifecycle: Lifecycle,
): Promise<Readonly<{ attestor: Attestor | undefined; documents: HealthDocuments }>> => {
  if (attestation === undefined) return { attestor: undefined, documents: new Map() }
  const { keyFile, reloadIntervalMs, ...options } = attestation
  const file = await openAttestationFile(keyFile, { intervalMs: reloadIntervalMs, log })
  lifecycle.onClose('attestation keys', async () => file.stop())
  const jwks = () => ({
    body: file.keys().published,
    contentType: 'application/jwk-set+json',
    cacheControl: `public, max-age=${JWKS_MAX_AGE_S}`,
  })
  return {
    attestor: createAttestor(options, file.keys),
    documents: new Map([['/.well-known/jwks.json', jwks]]),
  }
}

/** How long a key must be published before it signs: the manual says so. */
const JWKS_MAX_AGE_S = 300
