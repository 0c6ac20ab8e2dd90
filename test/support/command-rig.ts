// One store and the commands that work on it, in a directory of the test's own.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Ran } from './latchkey-command.ts'
import { runLatchkey } from './latchkey-command.ts'

export type CommandRig = Readonly<{
  directory: string
  databaseUrl: string
  /** Runs to its end, whatever comes of it. */
  latchkey(...args: readonly string[]): Promise<Ran>
  /** Must succeed; returns what it said on stderr. */
  does(...args: readonly string[]): Promise<string>
  /** Must succeed silently with --json; returns what it printed. */
  json(...args: readonly string[]): Promise<unknown>
  close(): Promise<void>
}>

/** Without a URL, an embedded store that does not exist yet. */
export const createCommandRig = async (url?: string): Promise<CommandRig> => {
  const directory = await mkdtemp(join(tmpdir(), 'latchkey-cli-'))
  const databaseUrl = url ?? `sqlite:${join(directory, 'store.db')}`
  const latchkey = (...args: readonly string[]) =>
    runLatchkey(args, { directory, env: { DATABASE_URL: databaseUrl } })
  return {
    directory,
    databaseUrl,
    latchkey,
    async does(...args) {
      const { code, stderr } = await latchkey(...args)
      expect({ args, code, stderr }).toEqual({ args, code: 0, stderr })
      return stderr
    },
    async json(...args) {
      const { code, stdout, stderr } = await latchkey(...args, '--json')
      expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' })
      return JSON.parse(stdout) as unknown
    },
    close: () => rm(directory, { recursive: true }),
  }
}
