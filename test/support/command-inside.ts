// Runs a command in this very process, for tests that run many of them.
import { runCommand } from '../../src/cli/program.ts'
import type { Ran } from './latchkey-command.ts'

/** Give the store as --database-url. What the environment says to the tests is no setting, and kept from the command. */
export const runInside = async (args: readonly string[]): Promise<Ran> => {
  const lines: string[] = []
  const notes: string[] = []
  const output = { line: (text: string) => lines.push(text), note: (text: string) => notes.push(text) }
  const ours = Object.entries(process.env).filter(([name]) => name.startsWith('LATCHKEY_'))
  for (const [name] of ours) delete process.env[name]
  const code = await runCommand(args, { output }).finally(() =>
    Object.assign(process.env, Object.fromEntries(ours)),
  )
  return { code, stdout: asText(lines), stderr: asText(notes) }
}

const asText = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('')
