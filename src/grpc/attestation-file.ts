// The keys of attestations as they stand in their file, which may be replaced while the server runs.
import { readFile } from 'node:fs/promises'
import { Rejection } from '../kernel/failure.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { AttestationKeys } from './attestation-keys.ts'
import { parseAttestationKeys } from './attestation-keys.ts'

export type AttestationFile = Readonly<{
  /** Those in use now. */
  keys(): AttestationKeys
  /** What happens every interval. */
  look(): Promise<void>
  stop(): void
}>

/**
 * Throws Rejection when the file cannot be used at first. Later what two looks in a row found alike is taken, or, when it cannot be used,
 * reported once, and the old keys stay.
 */
export const openAttestationFile = async (
  path: string,
  { intervalMs, log }: Readonly<{ intervalMs: number; log: Logger }>,
): Promise<AttestationFile> => {
  let judged = await read(path)
  let seen = judged
  let inUse = parseAttestationKeys(judged)

  const look = async (): Promise<void> => {
    const found = await read(path).catch((error: Error) => error)
    const text = found instanceof Error ? found.message : found
    // A look can fall between two writes.
    const settled = text === seen
    seen = text
    if (!settled || text === judged) return
    judged = text
    try {
      if (found instanceof Error) throw found
      inUse = parseAttestationKeys(found)
      log.info({ signs: inUse.signing.kid, kids: inUse.kids }, 'attestation keys reloaded')
    } catch (error) {
      const why = error instanceof Rejection ? error.message : 'unknown'
      log.error({ why }, 'attestation keys changed and cannot be used: the old ones stay in use')
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
  return { keys: () => inUse, look, stop: () => clearInterval(timer) }
}

const read = async (path: string): Promise<string> =>
  readFile(path, 'utf8').catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : 'unknown'
    throw new Rejection('invalid', `attestation_key_file cannot be read: ${why}`)
  })
