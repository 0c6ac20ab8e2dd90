// latchkey export: owners, policies, guardrails, models and limits as the YAML that apply reads.
import { renameSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { Rejection } from '../kernel/failure.ts'
import { stateText } from './apply/state-text.ts'
import type { CommandContext, StoreFlags } from './command-context.ts'
import { storeCommand, withStore } from './command-context.ts'

type Flags = StoreFlags & Readonly<{ output?: string }>

export const addExport = (program: Command, context: CommandContext): void => {
  storeCommand(program, 'export', 'print owners, policies, guardrails, models and limits as apply reads them')
    .option('-o, --output <file>', 'write a file instead')
    .action((flags: Flags) =>
      withStore(flags, context, async ({ store }) => {
        const text = stateText(await store.stateBook.readState())
        if (flags.output === undefined) return context.output.line(text.trimEnd())
        writeWhole(flags.output, text)
        context.output.note(`wrote ${flags.output}`)
      }),
    )
}

/** The old file stays until the new one is there whole. */
const writeWhole = (path: string, text: string): void => {
  const draft = `${path}.${process.pid}.tmp`
  try {
    writeFileSync(draft, text)
    renameSync(draft, path)
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new Rejection('conflict', `${path} cannot be written (${why})`)
  }
}
