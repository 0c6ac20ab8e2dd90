// latchkey keys revoke: one key, or all of an owner and below it.
import type { Command } from 'commander'
import { Option } from 'commander'
import { Rejection } from '../kernel/failure.ts'
import { allKeys } from '../keys/all-keys.ts'
import type { CommandContext, OpenStore, StoreFlags } from './command-context.ts'
import { storeCommand, withStore } from './command-context.ts'
import { counted } from './counted.ts'
import { KEY_COLUMNS, keyRow } from './key-row.ts'
import { printChanged, printList } from './print.ts'
import { waitForReplicas } from './wait-for-replicas.ts'

type Flags = StoreFlags & Readonly<{ owner?: string; dryRun?: boolean; expect?: string; wait?: boolean }>

export const addKeysRevoke = (keys: Command, context: CommandContext): void => {
  storeCommand(keys, 'revoke [id]', 'refuse it for ever')
    .option('--owner <path>', 'all keys of this owner and of those below it')
    .option('--expect <n>', 'with --owner: revoke none unless there are so many')
    .addOption(new Option('--dry-run', 'with --owner: list them, revoke none').conflicts('wait'))
    .option('--json', 'the key as one JSON object; with --owner how many, or the list')
    .option('--wait', 'until every replica has confirmed it')
    .action((id: string | undefined, flags: Flags) =>
      withStore(flags, context, (open) => revoke(id, flags, context, open)),
    )
}

const revoke = async (
  id: string | undefined,
  flags: Flags,
  context: CommandContext,
  open: OpenStore,
): Promise<void> => {
  if ((id === undefined) === (flags.owner === undefined))
    throw new Rejection('invalid', 'name one key by its id, or all of an owner by --owner')
  if (id !== undefined) return revokeOne(id, flags, context, open)
  if (flags.owner === undefined) return
  const expected = flags.expect === undefined ? undefined : parseExpected(flags.expect)
  if (flags.dryRun === true) await listThem({ ...flags, owner: flags.owner }, expected, context, open)
  else await revokeThem({ ...flags, owner: flags.owner }, expected, context, open)
}

const revokeOne = async (id: string, flags: Flags, context: CommandContext, open: OpenStore) => {
  if (flags.dryRun === true || flags.expect !== undefined)
    throw new Rejection('invalid', '--dry-run and --expect are for --owner')
  const { store, clock } = open
  const revoked = await store.keyBook.revokeKey(id)
  if (flags.wait === true) await waitForReplicas(context, open)
  const row = keyRow(revoked, await store.ownerBook.listOwners(), clock.now())
  printChanged(context.output, flags, row, `revoked ${id}`)
}

type OwnerFlags = Flags & Readonly<{ owner: string }>

const listThem = async (
  flags: OwnerFlags,
  expected: number | undefined,
  { output }: CommandContext,
  { store, clock }: OpenStore,
) => {
  const keys = await allKeys(store.keyBook, { ownerPath: flags.owner })
  const owners = await store.ownerBook.listOwners()
  const rows = keys.map((key) => keyRow(key, owners, clock.now()))
  printList(output, { json: flags.json, columns: KEY_COLUMNS, empty: 'no keys' }, rows)
  if (expected !== undefined && keys.length !== expected)
    throw new Rejection('conflict', `${keys.length} keys would be revoked, and ${expected} were expected`)
  if (flags.json !== true) output.note(`${counted(keys.length, 'key')} would be revoked`)
}

/** The expectation holds for all of them; so many at once that each transaction is short. Safe to repeat. */
const revokeThem = async (
  flags: OwnerFlags,
  expected: number | undefined,
  context: CommandContext,
  open: OpenStore,
) => {
  let revoked = 0
  let remaining = 1
  while (remaining > 0) {
    const filter = { ownerPath: flags.owner, expected: revoked === 0 ? expected : undefined }
    const done = await open.store.keyBook.revokeKeysOf(filter)
    revoked += done.revoked.length
    remaining = done.remaining
  }
  if (flags.wait === true) await waitForReplicas(context, open)
  const sentence = `revoked ${counted(revoked, 'key')} of ${flags.owner} and below`
  printChanged(context.output, flags, { owner: flags.owner, revoked }, sentence)
}

const parseExpected = (text: string): number => {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new Rejection('invalid', `--expect ${JSON.stringify(text)} must be a whole number`)
}
