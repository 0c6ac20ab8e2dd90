// The command line as a whole: every command below `latchkey`, and how one is run.
import { Command } from 'commander'
import { readVersion } from '../config/version.ts'
import { redacted } from '../kernel/redacted.ts'
import { addApply } from './apply.ts'
import type { CommandContext } from './command-context.ts'
import { addConfig } from './config.ts'
import { addDatabaseAccounts } from './database-accounts.ts'
import { addDemo } from './demo-command.ts'
import { addDoctor } from './doctor.ts'
import type { ExitCode } from './exit-code.ts'
import { exitCodeOf, explainError } from './exit-code.ts'
import { addExplain } from './explain.ts'
import { addExport } from './export.ts'
import { addGuardrails } from './guardrails.ts'
import { addKeys } from './keys.ts'
import { addLimits } from './limits.ts'
import { addMigrate } from './migrate.ts'
import { addModels } from './models.ts'
import { addOwners } from './owners.ts'
import { addPolicies } from './policies.ts'
import { addServe } from './serve.ts'
import { addTriggers } from './triggers.ts'

/** Runs one command to its end. Errors are told on stderr and become the exit code; nothing is thrown. */
export const runCommand = async (argv: readonly string[], context: CommandContext): Promise<ExitCode> => {
  try {
    await createProgram(context).parseAsync(argv, { from: 'user' })
    return 0
  } catch (error) {
    const words = explainError(error)
    if (words !== undefined) context.output.note(`latchkey: ${redacted(words)}`)
    return exitCodeOf(error)
  }
}

export const createProgram = (context: CommandContext): Command => {
  const { output } = context
  const program = new Command('latchkey')
    .description('Virtual keys, limits and guardrails for LLM traffic on the Envoy you already run')
    .version(readVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => output.line(text.trimEnd()),
      writeErr: (text) => output.note(text.trimEnd()),
      outputError: (text, write) => write(`latchkey: ${redacted(inOneLine(text))}`),
    })
  addServe(program)
  addDemo(program, context)
  addMigrate(program, context)
  addTriggers(program, context)
  addDatabaseAccounts(program, context)
  addKeys(program, context)
  addOwners(program, context)
  addPolicies(program, context)
  addGuardrails(program, context)
  addModels(program, context)
  addLimits(program, context)
  addApply(program, context)
  addExport(program, context)
  addExplain(program, context)
  addDoctor(program, context)
  addConfig(program, context)
  return program
}

const inOneLine = (text: string): string =>
  text
    .replace(/^error: /, '')
    .trim()
    .replaceAll('\n', ' ')
