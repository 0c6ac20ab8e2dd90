// Keys that sign attestations, as files of either form hold them.
import type { KeyObject } from 'node:crypto'
import { generateKeyPairSync } from 'node:crypto'
import type { AttestationOptions, Attestor } from '../../src/grpc/attestation.ts'
import { createAttestor } from '../../src/grpc/attestation.ts'
import type { AttestationKeys } from '../../src/grpc/attestation-keys.ts'
import { parseAttestationKeys } from '../../src/grpc/attestation-keys.ts'

export const aSigningKey = (alg: 'EdDSA' | 'ES256' = 'EdDSA'): KeyObject =>
  alg === 'EdDSA'
    ? generateKeyPairSync('ed25519').privateKey
    : generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

export const pemOf = (...keys: readonly KeyObject[]): string =>
  keys.map((key) => key.export({ type: 'pkcs8', format: 'pem' })).join('')

export const jwksOf = (...jwks: readonly object[]): string => JSON.stringify({ keys: jwks })

export const attestationKeys = (...keys: readonly KeyObject[]): AttestationKeys =>
  parseAttestationKeys(pemOf(...keys))

export const anAttestor = (
  keys: AttestationKeys = attestationKeys(aSigningKey()),
  more: Partial<AttestationOptions> = {},
): Attestor => createAttestor({ issuer: 'latchkey', audience: undefined, ttlMs: 60_000, ...more }, () => keys)
