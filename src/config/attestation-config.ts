// What an attestation is made with, when there is a key to sign it.
import type { Settings } from './settings.ts'

export type AttestationConfig = Readonly<{
  keyFile: string
  reloadIntervalMs: number
  issuer: string
  audience: string | undefined
  /** At least a second. */
  ttlMs: number
}>

export const attestationConfig = (settings: Settings): AttestationConfig | undefined => {
  const { attestation_key_file: keyFile } = settings
  if (keyFile === undefined) return undefined
  return {
    keyFile,
    reloadIntervalMs: settings.tls_reload_interval,
    issuer: settings.attestation_issuer,
    audience: settings.attestation_audience,
    ttlMs: settings.attestation_ttl,
  }
}

/** Meaningless without the key. */
export const OF_ATTESTATIONS = ['attestation_ttl', 'attestation_issuer', 'attestation_audience'] as const
