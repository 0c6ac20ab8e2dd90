// Where the lines of the log go: all of a moment in one write, and nobody waits for whoever reads them.
import { writeSync } from 'node:fs'

export type LogDestination = Readonly<{
  write(line: string): void
  /** Writes at once what it holds, as far as it can. */
  flush?(): void
}>

export type LogDestinationDeps = Readonly<{
  /** Writes what it can and returns how many bytes that was, or throws as fs.writeSync does. */
  writeBytes?: (bytes: Uint8Array) => number
  /** Called when lines are written again after as many were thrown away. */
  lost: (lines: number) => void
}>

/** Characters for a reader that is slow. It would block the process, and with it each Check, for as long as it likes: lines are thrown away instead. */
const MAX_HELD = 4_194_304
const AGAIN_AFTER_MS = 5
/** Lines that come within it are one write: of a hundred thousand Checks a second a thousand are logged, and each write costs what six Checks do. */
const TOGETHER_MS = 20
const LAST_WORDS_MS = 1_000

/**
 * Standard output unless told otherwise. A line is written 20 ms after it was said, or at the exit of the process: only a kill or a crash
 * of Node itself can lose it.
 */
export const createLogDestination = ({
  writeBytes = (bytes) => writeSync(STDOUT, bytes),
  lost,
}: LogDestinationDeps): LogDestination => {
  let held = ''
  /** Of what was taken out of `held`; a write may end in the middle of a line. */
  let rest: Uint8Array = NOTHING
  let thrownAway = 0
  let waiting = false
  let closed = false

  const attempt = (): void => {
    while (!closed && (rest.length > 0 || held !== '')) {
      if (rest.length === 0) {
        rest = Buffer.from(held)
        held = ''
      }
      rest = rest.subarray(writeBytes(rest))
    }
  }

  const flush = (): void => {
    try {
      attempt()
    } catch (error) {
      if (codeOf(error) === 'EPIPE') closed = true
      else if (!waiting) later(AGAIN_AFTER_MS)
      return
    }
    if (thrownAway === 0) return
    const lines = thrownAway
    thrownAway = 0
    lost(lines)
  }

  const later = (ms: number): void => {
    waiting = true
    const go = () => {
      waiting = false
      flush()
    }
    setTimeout(go, ms).unref()
  }

  process.on('exit', () => {
    const endMs = performance.now() + LAST_WORDS_MS
    do {
      flush()
      if (closed || (rest.length === 0 && held === '')) return
      Atomics.wait(SLEEP, 0, 0, AGAIN_AFTER_MS)
    } while (performance.now() < endMs)
  })

  return {
    write(line) {
      if (closed) return
      if (rest.length + held.length + line.length > MAX_HELD) {
        thrownAway += 1
        return
      }
      held += line
      if (!waiting) later(TOGETHER_MS)
    },
    flush,
  }
}

const STDOUT = 1
const NOTHING = new Uint8Array()
const SLEEP = new Int32Array(new SharedArrayBuffer(4))

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined
