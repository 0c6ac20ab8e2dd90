// From the bytes of a file to its text, without ever holding more than somebody wants or guessing at what is no text.
import { closeSync, openSync, readSync } from 'node:fs'

/** So many bytes at most, also where a path leads to something without an end. */
export const readStart = (path: string, most: number): Buffer => {
  const chunks: Buffer[] = []
  const file = openSync(path, 'r')
  try {
    let length = 0
    for (let more = 1; more > 0 && length < most; length += more) {
      const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, most - length))
      more = readSync(file, chunk, 0, chunk.length, null)
      chunks.push(chunk.subarray(0, more))
    }
    return Buffer.concat(chunks)
  } finally {
    closeSync(file)
  }
}

const CHUNK_BYTES = 262_144

type Decoded =
  | Readonly<{ text: string; badLine?: undefined }>
  | Readonly<{ text?: undefined; badLine: number }>

/** The text, or the first line that is not UTF-8. A byte order mark is taken away. */
export const decodeText = (bytes: Buffer): Decoded => {
  try {
    return { text: UTF8.decode(bytes) }
  } catch {
    return { badLine: firstBadLine(bytes) }
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true })

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
