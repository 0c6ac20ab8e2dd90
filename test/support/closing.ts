// What a test opened is closed after it, newest first.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close()
})

export const onClose = (close: () => unknown): void => {
  closers.push(close)
}

/** A private folder, removed after the test. */
export const aDirectory = async (): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), 'latchkey-test-'))
  onClose(() => rm(path, { recursive: true }))
  return path
}
