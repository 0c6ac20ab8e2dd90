// latchkey keys: list, show, update, disable, enable; the other verbs have files of their own.
import type { Command } from 'commander'
import { Option } from 'commander'
import { Rejection } from '../kernel/failure.ts'
import { allKeys } from '../keys/all-keys.ts'
import type { KeyChange, KeyRecord } from '../keys/key-book.ts'
import type { FailMode } from '../keys/virtual-key.ts'
import type { Store } from '../store/store.ts'
import type { CommandContext, OpenStore, StoreFlags } from './command-context.ts'
import { storeCommand, withStore } from './command-context.ts'
import { failModeOption } from './fail-mode.ts'
import { parseInstant } from './instant.ts'
import { KEY_COLUMNS, keyRow, SECRET_COLUMNS, secretRow } from './key-row.ts'
import { addKeysCreate } from './keys-create.ts'
import { addKeysExpiring } from './keys-expiring.ts'
import { addKeysImport } from './keys-import.ts'
import { addKeysRevoke } from './keys-revoke.ts'
import { addKeysRotate } from './keys-rotate.ts'
import type { LabelFlags } from './labels.ts'
import { addLabelChangeOptions, labelChangeOf, labelFilterOf, labelFilterOption } from './labels.ts'
import { LIMIT_COLUMNS, limitRow } from './limit-row.ts'
import { printChanged, printList, printRecord, toJson } from './print.ts'
import type { RulesFlags } from './rules-options.ts'
import { addRulesChangeOptions, rulesChangeOf } from './rules-options.ts'
import type { ShadowFlags } from './shadow.ts'
import { shadowChangeOf, shadowOption } from './shadow.ts'
import { formatTable } from './table.ts'
import { waitForReplicas } from './wait-for-replicas.ts'

type ListFlags = StoreFlags & Readonly<{ owner?: string; all?: boolean; label?: readonly string[] }>
type ChangeFlags = StoreFlags & Readonly<{ wait?: boolean }>
type UpdateFlags = StoreFlags &
  RulesFlags &
  LabelFlags &
  ShadowFlags &
  Readonly<{
    name?: string
    notBefore?: string
    expires?: string
    clearNotBefore?: boolean
    clearExpires?: boolean
    failMode?: FailMode
  }>

export const addKeys = (program: Command, context: CommandContext): void => {
  const keys = program.command('keys').description('virtual keys')
  addKeysCreate(keys, context)
  storeCommand(keys, 'list', 'list keys')
    .option('--owner <path>', 'only of this owner and those below it')
    .option('--all', 'revoked ones too')
    .addOption(labelFilterOption())
    .option('--json', 'a JSON array')
    .action((flags: ListFlags) => withStore(flags, context, (open) => listKeys(flags, context, open)))
  storeCommand(keys, 'show <id>', 'show one key, its rules and its limits')
    .option('--json', 'one JSON object')
    .action((id: string, flags: StoreFlags) =>
      withStore(flags, context, (open) => showKey(id, flags, context, open)),
    )
  addKeysUpdate(keys, context)
  addKeysImport(keys, context)
  addKeysRotate(keys, context)
  addChange(keys, context, 'disable', 'refuse it until it is enabled again', ({ keyBook }, id) =>
    keyBook.setKeyDisabled(id, true),
  )
  addChange(keys, context, 'enable', 'accept it again', ({ keyBook }, id) =>
    keyBook.setKeyDisabled(id, false),
  )
  addKeysRevoke(keys, context)
  addKeysExpiring(keys, context)
}

const addKeysUpdate = (keys: Command, context: CommandContext): void => {
  const command = storeCommand(keys, 'update <id>', 'change what is given, leave the rest')
    .option('--name <name>', 'what people call the key')
    .option('--not-before <when>', 'refused earlier: a date, or a time from now')
    .addOption(new Option('--clear-not-before', 'valid from the beginning').conflicts('notBefore'))
    .option('--expires <when>', 'refused from then on: a date, or a time from now')
    .addOption(new Option('--clear-expires', 'never expires').conflicts('expires'))
    .addOption(failModeOption())
    .addOption(shadowOption('key'))
    .option('--json', 'the key as one JSON object')
  addLabelChangeOptions(addRulesChangeOptions(command, { withPolicies: true })).action(
    (id: string, flags: UpdateFlags) =>
      withStore(flags, context, async (open) => {
        const changed = await open.store.keyBook.updateKey(id, changeOf(flags, open.clock.now()))
        await printKey(flags, context, open, changed, `updated ${id}`)
      }),
  )
}

const PAST_TENSE = { disable: 'disabled', enable: 'enabled' } as const

const addChange = (
  keys: Command,
  context: CommandContext,
  verb: keyof typeof PAST_TENSE,
  description: string,
  change: (store: Store, id: string) => Promise<KeyRecord>,
): void => {
  storeCommand(keys, `${verb} <id>`, description)
    .option('--json', 'the key as one JSON object')
    .option('--wait', 'until every replica has confirmed it')
    .action((id: string, flags: ChangeFlags) =>
      withStore(flags, context, async (open) => {
        const changed = await change(open.store, id)
        if (flags.wait === true) await waitForReplicas(context, open)
        await printKey(flags, context, open, changed, `${PAST_TENSE[verb]} ${id}`)
      }),
    )
}

const changeOf = (flags: UpdateFlags, nowMs: number): KeyChange => {
  const rules = rulesChangeOf(flags)
  const { name, notBefore, expires, failMode } = flags
  const change: KeyChange = {
    ...(name === undefined ? {} : { name }),
    ...(notBefore === undefined ? {} : { notBeforeMs: parseInstant('--not-before', notBefore, nowMs) }),
    ...(flags.clearNotBefore === true ? { notBeforeMs: undefined } : {}),
    ...(expires === undefined ? {} : { expiresAtMs: parseInstant('--expires', expires, nowMs) }),
    ...(flags.clearExpires === true ? { expiresAtMs: undefined } : {}),
    ...(failMode === undefined ? {} : { failMode }),
    ...shadowChangeOf(flags),
    ...labelChangeOf(flags),
    ...(Object.keys(rules).length === 0 ? {} : { rules }),
  }
  if (Object.keys(change).length === 0)
    throw new Rejection('invalid', 'nothing to update: name at least one change')
  return change
}

const listKeys = async (
  flags: ListFlags,
  { output }: CommandContext,
  { store, clock }: OpenStore,
): Promise<void> => {
  const filter = {
    ownerPath: flags.owner,
    includeRevoked: flags.all === true,
    labels: labelFilterOf(flags.label),
  }
  const records = await allKeys(store.keyBook, filter)
  const owners = await store.ownerBook.listOwners()
  const rows = records.map((record) => keyRow(record, owners, clock.now()))
  printList(output, { json: flags.json, columns: KEY_COLUMNS, empty: 'no keys' }, rows)
}

const showKey = async (
  id: string,
  flags: StoreFlags,
  { output }: CommandContext,
  { store, clock }: OpenStore,
): Promise<void> => {
  const row = keyRow(await store.keyBook.getKey(id), await store.ownerBook.listOwners(), clock.now())
  const limits = (await store.limitBook.listLimits(id)).map(limitRow)
  const secrets = (await store.keyBook.secretsOf(id)).map(secretRow)
  if (flags.json === true) return output.line(toJson({ ...row, secrets, limits }))
  printRecord(output, {}, row)
  if (secrets.length > 1) output.line(`\n${formatTable(SECRET_COLUMNS, secrets)}`)
  if (limits.length > 0) output.line(`\n${formatTable(LIMIT_COLUMNS, limits)}`)
}

const printKey = async (
  flags: StoreFlags,
  { output }: CommandContext,
  { store, clock }: OpenStore,
  record: KeyRecord,
  sentence: string,
): Promise<void> =>
  printChanged(output, flags, keyRow(record, await store.ownerBook.listOwners(), clock.now()), sentence)
