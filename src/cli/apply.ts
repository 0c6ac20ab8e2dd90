// latchkey apply: makes the store hold what files state, in one transaction, and tells what that changes.
import type { Command } from 'commander'
import { Rejection } from '../kernel/failure.ts'
import type { Applied } from '../keys/declared-state.ts'
import { StateFaults } from '../keys/declared-state.ts'
import { differenceRow, differenceText } from './apply/difference-text.ts'
import { readInputFiles } from './apply/input-files.ts'
import type { Declared } from './apply/read-declared.ts'
import { readDeclared } from './apply/read-declared.ts'
import type { CommandContext, OpenStore, StoreFlags } from './command-context.ts'
import { storeCommand, withStore } from './command-context.ts'
import { counted } from './counted.ts'
import { CommandEnded } from './exit-code.ts'
import type { Output } from './output.ts'
import { toJson } from './print.ts'
import { repeatable } from './rules-options.ts'

type Flags = StoreFlags &
  Readonly<{ file: readonly string[]; dryRun?: boolean; prune?: boolean; exitCode?: boolean }>

export const addApply = (program: Command, context: CommandContext): void => {
  storeCommand(program, 'apply', 'make owners, policies, guardrails, models and limits as files state them')
    .addOption(
      repeatable(
        '-f, --file <path>',
        'YAML, a directory of it, or - for standard input',
      ).makeOptionMandatory(),
    )
    .option('--dry-run', 'tell what would change, and change nothing')
    .option('--prune', 'delete what a section of the files does not state')
    .option('--exit-code', 'with --dry-run: end with 2 when something would change')
    .option('--json', 'the changes as one JSON object')
    .action(async (flags: Flags) => {
      if (flags.exitCode === true && flags.dryRun !== true)
        throw new Rejection('invalid', '--exit-code goes with --dry-run')
      const unreadable: string[] = []
      const declared = readDeclared(await readInputFiles(flags.file, unreadable))
      const faults = [...unreadable, ...declared.faults]
      // A file that cannot be read may hold what the others name, and no store is made for faults alone.
      if (unreadable.length > 0) throw inOneMessage(faults)
      await withStore(flags, context, (open) => apply(open, { ...declared, faults }, flags, context.output))
    })
}

const apply = async (
  { store }: OpenStore,
  declared: Declared,
  flags: Flags,
  output: Output,
): Promise<void> => {
  const isFaulty = declared.faults.length > 0
  const dryRun = flags.dryRun === true
  const options = { prune: flags.prune === true, dryRun: dryRun || isFaulty }
  const applied = await store.stateBook.applyState(declared.state, options).catch((error: unknown) => {
    if (error instanceof StateFaults)
      throw inOneMessage([...declared.faults, ...error.faults.map(declared.told)])
    throw isFaulty ? inOneMessage(declared.faults) : error
  })
  if (isFaulty) throw inOneMessage(declared.faults)
  tell(applied, flags, output)
  if (flags.exitCode === true && applied.differences.length > 0) throw new CommandEnded(2)
}

const tell = (
  { differences, left }: Applied,
  { dryRun = false, json = false }: Flags,
  output: Output,
): void => {
  if (json) {
    output.line(toJson({ applied: !dryRun, changes: differences.map(differenceRow), left }))
    return
  }
  for (const difference of differences) output.line(differenceText(difference))
  output.note(`${dryRun ? 'would make' : 'made'} ${counted(differences.length, 'change')}`)
  if (left.length > 0)
    output.note(
      `${counted(left.length, 'object')} in the store not stated, and left (--prune deletes): ${named(left)}`,
    )
}

const MOST_NAMED = 5

const named = (left: Applied['left']): string =>
  [
    ...left.slice(0, MOST_NAMED).map(({ kind, name }) => `${kind} ${name}`),
    ...(left.length > MOST_NAMED ? ['…'] : []),
  ].join(', ')

const MOST_FAULTS = 50

const inOneMessage = (found: readonly string[]): Rejection => {
  const faults = found.toSorted((a, b) => fileOf(a).localeCompare(fileOf(b)) || lineOf(a) - lineOf(b))
  const [only] = faults
  if (faults.length === 1 && only !== undefined)
    return new Rejection('invalid', `nothing was changed: ${only}`)
  const more = faults.length > MOST_FAULTS ? [`and ${faults.length - MOST_FAULTS} more`] : []
  const lines = [...faults.slice(0, MOST_FAULTS), ...more].map((fault) => `\n  ${fault}`)
  return new Rejection('invalid', `nothing was changed, there are ${faults.length} faults:${lines.join('')}`)
}

const PLACE = /^(.*?):(\d+): /
const fileOf = (fault: string): string => PLACE.exec(fault)?.[1] ?? ''
const lineOf = (fault: string): number => Number(PLACE.exec(fault)?.[2] ?? 0)
