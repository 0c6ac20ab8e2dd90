// latchkey owners: create, list, show, update, disable, enable, delete.
import type { Command } from 'commander'
import { Rejection } from '../kernel/failure.ts'
import type { OwnerRecord } from '../keys/key-book.ts'
import type { CommandContext, OpenStore, StoreFlags } from './command-context.ts'
import { storeCommand, withStore } from './command-context.ts'
import { formatInstant } from './instant.ts'
import { rulesRow } from './key-row.ts'
import type { LabelFlags } from './labels.ts'
import {
  addLabelChangeOptions,
  labelChangeOf,
  labelFilterOf,
  labelFilterOption,
  labelOption,
  labelsOf,
} from './labels.ts'
import { LIMIT_COLUMNS, limitRow } from './limit-row.ts'
import { tellingHowToMake } from './missing-owner.ts'
import { printChanged, printList, printRecord, toJson } from './print.ts'
import type { RulesFlags } from './rules-options.ts'
import { addRulesChangeOptions, addRulesOptions, rulesChangeOf, rulesOf } from './rules-options.ts'
import { formatTable } from './table.ts'

type CreateFlags = StoreFlags & RulesFlags & LabelFlags & Readonly<{ withParents?: boolean }>
type UpdateFlags = StoreFlags & RulesFlags & LabelFlags
type ListFlags = StoreFlags & Readonly<{ label?: readonly string[] }>

const COLUMNS = ['path', 'status', 'models', 'policies', 'guardrails'] as const

export const addOwners = (program: Command, context: CommandContext): void => {
  const owners = program.command('owners').description('organisations, teams and users, who own keys')
  addCreate(owners, context)
  storeCommand(owners, 'list', 'list owners')
    .addOption(labelFilterOption())
    .option('--json', 'a JSON array')
    .action((flags: ListFlags) =>
      withStore(flags, context, async ({ store }) => {
        const filter = { labels: labelFilterOf(flags.label) }
        const rows = (await store.ownerBook.listOwners(filter)).map(ownerRow)
        printList(context.output, { json: flags.json, columns: COLUMNS, empty: 'no owners' }, rows)
      }),
    )
  storeCommand(owners, 'show <path>', 'show one owner, its rules and its limits')
    .option('--json', 'one JSON object')
    .action((path: string, flags: StoreFlags) =>
      withStore(flags, context, (open) => showOwner(path, flags, context, open)),
    )
  addUpdate(owners, context)
  addSwitch(owners, context, 'disable', 'refuse all keys of it and below it until it is enabled again')
  addSwitch(owners, context, 'enable', 'accept its keys again')
  storeCommand(owners, 'delete <path>', 'delete an owner that has no keys and no owners below it').action(
    (path: string, flags: StoreFlags) =>
      withStore(flags, context, async ({ store }) => {
        await store.ownerBook.deleteOwner(path)
        context.output.note(`deleted owner ${path}`)
      }),
  )
}

const addCreate = (owners: Command, context: CommandContext): void => {
  const command = storeCommand(
    owners,
    'create <path>',
    'make an organisation, organisation/team or organisation/team/user',
  )
    .option('--with-parents', 'make those above it too, when missing')
    .option('--json', 'the owner as one JSON object')
  addRulesOptions(command, { withPolicies: true })
    .addOption(labelOption())
    .action((path: string, flags: CreateFlags) =>
      withStore(flags, context, async ({ store }) => {
        const options = { withParents: flags.withParents === true, labels: labelsOf(flags) }
        const created = store.ownerBook.createOwner(path, rulesOf(flags), options)
        const owner = await tellingHowToMake('--with-parents', created)
        printChanged(context.output, flags, ownerRow(owner), `created owner ${path}`)
      }),
    )
}

const addUpdate = (owners: Command, context: CommandContext): void => {
  const command = storeCommand(owners, 'update <path>', 'change what is given, leave the rest').option(
    '--json',
    'the owner as one JSON object',
  )
  addLabelChangeOptions(addRulesChangeOptions(command, { withPolicies: true })).action(
    (path: string, flags: UpdateFlags) =>
      withStore(flags, context, async ({ store }) => {
        const rules = rulesChangeOf(flags)
        const labels = labelChangeOf(flags)
        if (Object.keys({ ...rules, ...labels }).length === 0)
          throw new Rejection('invalid', 'nothing to update: name at least one change')
        const owner = await store.ownerBook.updateOwner(path, { rules, ...labels })
        printChanged(context.output, flags, ownerRow(owner), `updated owner ${path}`)
      }),
  )
}

const addSwitch = (
  owners: Command,
  context: CommandContext,
  verb: 'disable' | 'enable',
  description: string,
): void => {
  storeCommand(owners, `${verb} <path>`, description)
    .option('--json', 'the owner as one JSON object')
    .action((path: string, flags: StoreFlags) =>
      withStore(flags, context, async ({ store }) => {
        const owner = await store.ownerBook.setOwnerDisabled(path, verb === 'disable')
        printChanged(context.output, flags, ownerRow(owner), `${verb}d owner ${path}`)
      }),
    )
}

const showOwner = async (
  path: string,
  flags: StoreFlags,
  { output }: CommandContext,
  { store }: OpenStore,
): Promise<void> => {
  const row = ownerRow(await store.ownerBook.getOwner(path))
  const limits = (await store.limitBook.listLimits(path)).map(limitRow)
  if (flags.json === true) return output.line(toJson({ ...row, limits }))
  printRecord(output, {}, row)
  if (limits.length > 0) output.line(`\n${formatTable(LIMIT_COLUMNS, limits)}`)
}

const ownerRow = ({ id, path, disabled, rules, labels, createdAtMs }: OwnerRecord) => ({
  id,
  path,
  status: disabled ? 'disabled' : 'active',
  created_at: formatInstant(createdAtMs),
  labels,
  ...rulesRow(rules),
})
