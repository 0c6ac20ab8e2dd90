// latchkey keys import: keys that were made elsewhere, by the digests of their secrets.
import { readFile } from 'node:fs/promises'
import { text as readAll } from 'node:stream/consumers'
import type { Command } from 'commander'
import { Option } from 'commander'
import { Rejection } from '../kernel/failure.ts'
import { redacted } from '../kernel/redacted.ts'
import type { Imported, KeyDraft } from '../keys/key-book.ts'
import { ImportRefused } from '../keys/key-book.ts'
import type { SecretFormat } from '../keys/secret.ts'
import { createSecrets } from '../keys/secret.ts'
import type { CommandContext, OpenStore, StoreFlags } from './command-context.ts'
import { storeCommand, withStore } from './command-context.ts'
import { counted } from './counted.ts'
import { DEFAULT_OWNER } from './default-owner.ts'
import { createFieldReader } from './import/field-reader.ts'
import type { FormatContext, ImportFormat } from './import/format.ts'
import { draftFromLatchkey } from './import/latchkey-format.ts'
import { draftFromLitellm } from './import/litellm-format.ts'
import { readRecords } from './import/records.ts'
import { toJson } from './print.ts'
import { repeatable } from './rules-options.ts'
import { waitForReplicas } from './wait-for-replicas.ts'

type FormatName = 'latchkey' | 'litellm'
type Flags = StoreFlags &
  Readonly<{
    format: FormatName
    owner?: string
    createOwners?: boolean
    ignore?: readonly string[]
    dryRun?: boolean
    wait?: boolean
  }>

const FORMATS: Readonly<Record<FormatName, ImportFormat>> = {
  latchkey: draftFromLatchkey,
  litellm: draftFromLitellm,
}

export const addKeysImport = (keys: Command, context: CommandContext): void => {
  storeCommand(
    keys,
    'import <file>',
    'take over keys by the digests of their secrets; - reads standard input',
  )
    .addOption(
      new Option('--format <name>', 'what wrote the file').choices(Object.keys(FORMATS)).default('latchkey'),
    )
    .option('--owner <path>', 'owner of keys that name none; of litellm above their teams and users')
    .option('--create-owners', 'make the owners that are missing')
    .addOption(repeatable('--ignore <field>', 'drop what this field says, of every key'))
    .addOption(new Option('--dry-run', 'try everything, change nothing').conflicts('wait'))
    .option('--json', 'one JSON object')
    .option('--wait', 'until every replica has confirmed it')
    .action((file: string, flags: Flags) =>
      withStore(flags, context, (open) => importKeys(file, flags, context, open)),
    )
}

type Placed = Readonly<{ where: string; draft: KeyDraft }>

const importKeys = async (file: string, flags: Flags, context: CommandContext, open: OpenStore) => {
  const { output } = context
  const { keyFormats } = open.config
  const input = await readInput(file)
  tellFormats(flags, keyFormats, output.note)
  const { placed, faults } = draftsOf(input, flags, {
    secrets: createSecrets(keyFormats),
    defaultOwner: flags.owner ?? DEFAULT_OWNER,
    ownerGiven: flags.owner !== undefined,
  })
  const options = { createOwners: flags.createOwners === true, dryRun: flags.dryRun === true }
  if (faults.length > 0) return refuse(faults, output.note)
  const imported = await open.store.keyBook
    .importKeys(
      placed.map(({ draft }) => draft),
      options,
    )
    .catch((error: unknown) => {
      if (!(error instanceof ImportRefused)) throw error
      const sentences = error.faults.map(
        ({ index, sentence }) => `${placed[index]?.where ?? 'somewhere'}: ${sentence}`,
      )
      const lacksOwner = error.faults.some((fault) => fault.lacksOwner === true)
      return refuse(
        sentences,
        output.note,
        lacksOwner ? '; --create-owners makes the owners that are missing' : '',
      )
    })
  if (flags.wait === true) await waitForReplicas(context, open)
  tell(imported, placed, flags, context)
}

/** Every key, and every fault of each by its line. */
const draftsOf = (
  text: string,
  flags: Flags,
  context: FormatContext,
): Readonly<{ placed: readonly Placed[]; faults: readonly string[] }> => {
  const { records, faults } = readRecords(text)
  const ignored = new Set(flags.ignore)
  const placed: Placed[] = []
  const all = [...faults]
  for (const record of records) {
    const row = createFieldReader(record, ignored)
    const draft = FORMATS[flags.format](row, context)
    for (const name of row.unread())
      row.fault(`${name} cannot be carried over; --ignore ${name} imports the keys without it`)
    all.push(...row.faults())
    if (draft !== undefined) placed.push({ where: record.where, draft })
  }
  return { placed, faults: all }
}

const refuse = (sentences: readonly string[], note: (text: string) => void, remedy = ''): never => {
  for (const sentence of sentences) note(redacted(sentence))
  throw new Rejection('conflict', `${counted(sentences.length, 'fault')}; nothing was imported${remedy}`)
}

/** A digest does not tell the form of its secret, and a secret in no accepted form is refused before anybody looks for it. */
const tellFormats = (
  { format, json }: Flags,
  formats: readonly SecretFormat[],
  note: (text: string) => void,
): void => {
  const known = formats.map(({ prefix, length, checksum }) => `${prefix}:${length}:${checksum}`).join(', ')
  if (
    format === 'litellm' &&
    !formats.some(({ prefix, checksum }) => prefix === 'sk-' && checksum === 'none')
  )
    throw new Rejection(
      'invalid',
      `key_formats is ${known}, so no key of LiteLLM would ever be recognised; those that it made itself are sk-:25:none: set key_formats to ${known}, sk-:25:none`,
    )
  if (json !== true) note(`secrets are recognised in these formats alone (key_formats): ${known}`)
}

const tell = (
  { created, unchanged, ownersCreated }: Imported,
  placed: readonly Placed[],
  { json, dryRun }: Flags,
  { output }: CommandContext,
): void => {
  const there = unchanged.map((index) => placed[index]?.where ?? '')
  if (json === true) {
    output.line(
      toJson({ dry_run: dryRun === true, created, unchanged: there.length, owners_created: ownersCreated }),
    )
    return
  }
  for (const where of there) output.note(`${where}: there already, unchanged`)
  for (const path of ownersCreated)
    output.note(`${dryRun === true ? 'would create' : 'created'} owner ${path}`)
  output.note(
    `${dryRun === true ? 'would import' : 'imported'} ${counted(created, 'key')}, ${there.length} there already`,
  )
}

const readInput = async (file: string): Promise<string> => {
  if (file === '-') return readAll(process.stdin)
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
    throw new Rejection('invalid', `${file} cannot be read${why}`)
  }
}
