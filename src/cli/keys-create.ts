// latchkey keys create: mints secrets, stores their digests, prints each secret once.
import type { Command } from 'commander'
import { Rejection } from '../kernel/failure.ts'
import type { KeyDraft, KeyRecord, OwnerBook } from '../keys/key-book.ts'
import { MissingOwner } from '../keys/missing-owner.ts'
import { createSecrets, digestSecret, hintOf } from '../keys/secret.ts'
import type { FailMode } from '../keys/virtual-key.ts'
import { NO_RULES } from '../policy/policy.ts'
import type { CommandContext, OpenStore, StoreFlags } from './command-context.ts'
import { storeCommand, withStore } from './command-context.ts'
import { DEFAULT_OWNER } from './default-owner.ts'
import { failModeOption } from './fail-mode.ts'
import { parseInstant } from './instant.ts'
import { keyRow } from './key-row.ts'
import type { LabelFlags } from './labels.ts'
import { labelOption, labelsOf } from './labels.ts'
import { formatLimit, parseLimit } from './limit-text.ts'
import { tellingHowToMake } from './missing-owner.ts'
import { toJson } from './print.ts'
import type { RulesFlags } from './rules-options.ts'
import { addRulesOptions, repeatable, rulesOf } from './rules-options.ts'
import type { ShadowFlags } from './shadow.ts'
import { shadowOption } from './shadow.ts'

type Flags = StoreFlags &
  RulesFlags &
  LabelFlags &
  ShadowFlags &
  Readonly<{
    name: string
    owner?: string
    createOwner?: boolean
    limit?: readonly string[]
    notBefore?: string
    expires?: string
    failMode?: FailMode
    count: string
  }>

const MOST_AT_ONCE = 10_000

export const addKeysCreate = (keys: Command, context: CommandContext): void => {
  const command = storeCommand(keys, 'create', 'make keys and print their secrets, which are shown only now')
    .requiredOption('--name <name>', 'what people call the key')
    .option('--owner <path>', 'organisation, organisation/team or organisation/team/user')
    .option('--create-owner', 'make the owner, and those above it, when missing')
    .addOption(repeatable('--limit <limit>', 'such as requests=100/day or requests=10K/month@Europe/Berlin'))
    .option('--not-before <when>', 'refused earlier: a date, or a time from now such as 2h')
    .option('--expires <when>', 'refused from then on: a date, or a time from now such as 30d')
    .addOption(failModeOption())
    .addOption(shadowOption('key'))
    .addOption(labelOption())
    .option('--count <n>', 'how many keys, all or none', '1')
    .option('--json', 'one JSON object a line')
  addRulesOptions(command, { withPolicies: true }).action((flags: Flags) =>
    withStore(flags, context, (open) => createKeys(flags, context, open)),
  )
}

const createKeys = async (flags: Flags, { output }: CommandContext, open: OpenStore): Promise<void> => {
  const { store, clock, config } = open
  const secrets = createSecrets(config.keyFormats)
  const minted = Array.from({ length: parseCount(flags.count) }, () => secrets.mint())
  const common = draftOf(flags, clock.now())
  const drafts = minted.map((secret) => ({ ...common, digest: digestSecret(secret), hint: hintOf(secret) }))
  const records = await createFor(flags, drafts, open, output.note)
  const owners = flags.json === true ? await store.ownerBook.listOwners() : []
  for (const [index, record] of records.entries()) {
    const secret = minted[index]
    if (flags.json === true) {
      const { id, ...rest } = keyRow(record, owners, clock.now())
      // Limits as `keys import` reads them: a key that is taken elsewhere keeps them.
      output.line(toJson({ id, secret, ...rest, limits: common.limits.map(formatLimit) }))
    } else {
      output.note(
        `created ${record.id} (${record.name}) for ${record.ownerPath}; its secret, shown only now:`,
      )
      output.line(secret ?? '')
    }
  }
}

const draftOf = (flags: Flags, nowMs: number): Omit<KeyDraft, 'digest' | 'hint'> => {
  const { expires, notBefore } = flags
  const expiresAtMs = expires === undefined ? undefined : parseInstant('--expires', expires, nowMs)
  if (expiresAtMs !== undefined && expiresAtMs <= nowMs)
    throw new Rejection('invalid', `--expires ${JSON.stringify(expires)} has passed already`)
  return {
    name: flags.name,
    ownerPath: flags.owner ?? DEFAULT_OWNER,
    notBeforeMs: notBefore === undefined ? undefined : parseInstant('--not-before', notBefore, nowMs),
    expiresAtMs,
    rules: rulesOf(flags),
    limits: (flags.limit ?? []).map(parseLimit),
    failMode: flags.failMode ?? 'closed',
    shadow: flags.shadow === 'on',
    labels: labelsOf(flags),
  }
}

/**
 * Without --owner the key belongs to an organisation that is made when it is first needed. Owners are made last, for keys of which
 * nothing else is wrong.
 */
const createFor = async (
  flags: Flags,
  drafts: readonly KeyDraft[],
  { store: { keyBook, ownerBook } }: OpenStore,
  note: (text: string) => void,
): Promise<readonly KeyRecord[]> => {
  const first = keyBook.createKeys(drafts)
  if (flags.owner !== undefined && flags.createOwner !== true)
    return tellingHowToMake('--create-owner', first)
  try {
    return await first
  } catch (error) {
    if (!(error instanceof MissingOwner)) throw error
    await createOwner(ownerBook, flags.owner ?? DEFAULT_OWNER, note)
    return keyBook.createKeys(drafts)
  }
}

const createOwner = async (
  ownerBook: OwnerBook,
  path: string,
  note: (text: string) => void,
): Promise<void> => {
  try {
    await ownerBook.createOwner(path, NO_RULES, { withParents: true })
    note(`created owner ${path}`)
  } catch (error) {
    if (!(error instanceof Rejection && error.code === 'conflict')) throw error
  }
}

const parseCount = (text: string): number => {
  const count = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (count < 1 || count > MOST_AT_ONCE)
    throw new Rejection(
      'invalid',
      `--count ${JSON.stringify(text)} must be a whole number from 1 to ${MOST_AT_ONCE}`,
    )
  return count
}
