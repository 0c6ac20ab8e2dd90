// latchkey limits: create, list, show, update, delete.
import type { Command } from 'commander'
import { Option } from 'commander'
import { Rejection } from '../kernel/failure.ts'
import type { Limit, LimitDraft } from '../quota/limit-book.ts'
import type { CommandContext, StoreFlags } from './command-context.ts'
import { storeCommand, withStore } from './command-context.ts'
import { LIMIT_COLUMNS, limitRow } from './limit-row.ts'
import { formatLimit, parseLimit, parseLimitAmount, parsePeriod, parseZone } from './limit-text.ts'
import { printChanged, printList, printRecord } from './print.ts'

type SubjectFlags = StoreFlags & Readonly<{ key?: string; owner?: string }>
type CreateFlags = SubjectFlags & Readonly<{ limit: string }>
type UpdateFlags = StoreFlags & Readonly<{ amount?: string; period?: string; zone?: string }>

export const addLimits = (program: Command, context: CommandContext): void => {
  const limits = program.command('limits').description('how much keys and owners may use')
  const create = storeCommand(limits, 'create', 'limit a key or an owner')
  addSubject(create)
    .requiredOption('--limit <limit>', 'such as requests=100/day or requests=10K/month@Europe/Berlin')
    .option('--json', 'the limit as one JSON object')
    .action((flags: CreateFlags) =>
      withStore(flags, context, async ({ store }) => {
        const subject = subjectOf(flags)
        if (subject === undefined)
          throw new Rejection('invalid', 'name what is limited: --key ID or --owner PATH')
        const limit = await store.limitBook.createLimit(subject, parseLimit(flags.limit))
        printChanged(context.output, flags, limitRow(limit), `created limit ${inWords(limit)}`)
      }),
    )
  addSubject(storeCommand(limits, 'list', 'list limits and what is used of them'))
    .option('--json', 'a JSON array')
    .action((flags: SubjectFlags) =>
      withStore(flags, context, async ({ store }) => {
        const rows = (await store.limitBook.listLimits(subjectOf(flags))).map(limitRow)
        printList(context.output, { json: flags.json, columns: LIMIT_COLUMNS, empty: 'no limits' }, rows)
      }),
    )
  addOnOne(limits, context)
}

/** Verbs on a limit that is named by its id. */
const addOnOne = (limits: Command, context: CommandContext): void => {
  storeCommand(limits, 'show <id>', 'show one limit and what is used of it')
    .option('--json', 'one JSON object')
    .action((id: string, flags: StoreFlags) =>
      withStore(flags, context, async ({ store }) => {
        const limit = (await store.limitBook.listLimits()).find((each) => each.id === parseId(id))
        if (limit === undefined) throw new Rejection('not_found', `there is no limit ${id}`)
        printRecord(context.output, flags, limitRow(limit))
      }),
    )
  storeCommand(limits, 'update <id>', 'change the amount in place, or start anew with another period or zone')
    .option('--amount <amount>', 'units in each period, if you like with K, M or G')
    .option('--period <period>', 'minute, hour, day, week, month or total')
    .option('--zone <zone>', 'IANA time zone in which days, weeks and months turn')
    .option('--json', 'the limit as one JSON object')
    .action((id: string, flags: UpdateFlags) =>
      withStore(flags, context, async ({ store }) => {
        const limit = await store.limitBook.updateLimit(parseId(id), changeOf(flags))
        printChanged(context.output, flags, limitRow(limit), `updated limit ${inWords(limit)}`)
      }),
    )
  storeCommand(limits, 'delete <id>', 'lift a limit').action((id: string, flags: StoreFlags) =>
    withStore(flags, context, async ({ store }) => {
      await store.limitBook.deleteLimit(parseId(id))
      context.output.note(`deleted limit ${id}`)
    }),
  )
}

const addSubject = (command: Command): Command =>
  command
    .addOption(new Option('--key <id>', 'the key').conflicts('owner'))
    .addOption(new Option('--owner <path>', 'the owner, with everything below it together'))

const subjectOf = ({ key, owner }: SubjectFlags): string | undefined => {
  if (key !== undefined && !key.startsWith('key_'))
    throw new Rejection('invalid', `--key ${JSON.stringify(key)} must be an id that begins with key_`)
  return key ?? owner
}

const changeOf = ({ amount, period, zone }: UpdateFlags): Partial<Omit<LimitDraft, 'unit'>> => {
  const change = {
    ...(amount === undefined ? {} : { amount: parseLimitAmount(amount) }),
    ...(period === undefined ? {} : { period: parsePeriod(period) }),
    ...(zone === undefined ? {} : { zone: parseZone(zone) }),
  }
  if (Object.keys(change).length === 0)
    throw new Rejection('invalid', 'nothing to update: name at least one change')
  return change
}

const parseId = (text: string): number => {
  const id = /^\d{1,15}$/.test(text) ? Number(text) : 0
  if (id < 1)
    throw new Rejection(
      'invalid',
      `limit id ${JSON.stringify(text)} must be a number, as limits list shows it`,
    )
  return id
}

const inWords = (limit: Limit): string => `${limit.id}: ${formatLimit(limit)} on ${limit.subject}`
