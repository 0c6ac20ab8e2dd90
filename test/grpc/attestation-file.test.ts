// Keys of attestations can be changed while the server runs; what cannot be used never replaces what can.
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openAttestationFile } from '../../src/grpc/attestation-file.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { aSigningKey, attestationKeys, pemOf } from '../support/attestations.ts'
import { aDirectory, onClose } from '../support/closing.ts'

const aFile = async (text: string) => {
  const path = join(await aDirectory(), 'keys')
  await writeFile(path, text)
  const lines: string[] = []
  const log = createLogger({ level: 'info', format: 'json' }, { write: (line) => lines.push(line) })
  // Looks are taken by hand.
  const file = await openAttestationFile(path, { intervalMs: 3_600_000, log })
  onClose(async () => file.stop())
  return { path, file, lines }
}

const [first, second] = [aSigningKey(), aSigningKey('ES256')]

it('what two looks found alike is used, and told once', async () => {
  const { path, file, lines } = await aFile(pemOf(first))
  await writeFile(path, pemOf(second, first))
  await file.look()
  expect(file.keys().kids).toEqual(attestationKeys(first).kids)
  await file.look()
  expect(file.keys().kids).toEqual(attestationKeys(second, first).kids)
  expect(file.keys().signing.kid).toBe(attestationKeys(second).signing.kid)
  await file.look()
  await file.look()
  expect(lines.filter((line) => line.includes('attestation keys reloaded'))).toHaveLength(1)
  expect(lines.join()).not.toContain('PRIVATE')
})

it('what cannot be used is reported once and the old keys stay, until it can', async () => {
  const { path, file, lines } = await aFile(pemOf(first))
  const looks = async () => {
    for (let each = 0; each < 3; each += 1) await file.look()
    return file.keys().kids
  }
  await writeFile(path, pemOf(first).slice(0, 60))
  expect(await looks()).toEqual(attestationKeys(first).kids)
  await rm(path)
  expect(await looks()).toEqual(attestationKeys(first).kids)
  expect(lines.filter((line) => line.includes('the old ones stay in use'))).toHaveLength(2)
  await writeFile(path, pemOf(second))
  expect(await looks()).toEqual(attestationKeys(second).kids)
})

it('at the start a file that is not there, or holds no key, is a fault', async () => {
  await expect(aFile('')).rejects.toThrow('holds no key')
  const log = createLogger({ level: 'silent', format: 'json' })
  await expect(openAttestationFile('/absent', { intervalMs: 1, log })).rejects.toThrow('cannot be read')
})
