// Reads a small file that a person wrote: text, and no more of it than anybody writes.
import { decodeText, readStart } from './text-bytes.ts'

/** Far more than every setting takes. Also where a path leads to something without an end. */
const MOST_BYTES = 262_144

/** undefined when it cannot be read; the fault says why, `what` what it was for. */
export const readSettingsFile = (path: string, what: string, faults: string[]): string | undefined => {
  const tell = (why: string): undefined => {
    faults.push(`${what} file ${path} ${why}`)
    return undefined
  }
  let bytes: Buffer
  try {
    bytes = readStart(path, MOST_BYTES + 1)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    return tell(`cannot be read (${code})`)
  }
  if (bytes.length > MOST_BYTES) return tell(`is larger than ${MOST_BYTES / 1_024}KiB`)
  const decoded = decodeText(bytes)
  return decoded.text ?? tell(`is not UTF-8 text: see line ${decoded.badLine}`)
}
