// Runs a command in this very process, for tests that run many of them.
import { runCommand } from '../../src/cli/program.ts'
import type { Ran } from './latchkey-command.ts'

/** The environment is that of the test: give the store as --database-url. */
export const runInside = async (args: readonly string[]): Promise<Ran> => {
  const lines: string[] = []
  const notes: string[] = []
  const output = { line: (text: string) => lines.push(text), note: (text: string) => notes.push(text) }
  const code = await runCommand(args, { output })
  return { code, stdout: asText(lines), stderr: asText(notes) }
}

const asText = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('')
