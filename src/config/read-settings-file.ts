// Reads a small file that a person wrote: text, and no more of it than anybody writes.
import { closeSync, openSync, readSync } from 'node:fs'

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
  try {
    return UTF8.decode(bytes)
  } catch {
    return tell(`is not UTF-8 text: see line ${firstBadLine(bytes)}`)
  }
}

/** Takes a byte order mark away. */
const UTF8 = new TextDecoder('utf-8', { fatal: true })

const readStart = (path: string, most: number): Buffer => {
  const buffer = Buffer.alloc(most)
  const file = openSync(path, 'r')
  try {
    let length = 0
    for (let more = 1; more > 0 && length < most; length += more)
      more = readSync(file, buffer, length, most - length, null)
    return buffer.subarray(0, length)
  } finally {
    closeSync(file)
  }
}

const firstBadLine = (bytes: Buffer): number => {
  let line = 1
  for (let from = 0; from < bytes.length; line += 1) {
    const end = bytes.indexOf('\n', from)
    const until = end === -1 ? bytes.length : end
    if (bytes.subarray(from, until).toString('utf8').includes('\u{fffd}')) return line
    from = until + 1
  }
  return line
}
