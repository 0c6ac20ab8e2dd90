// latchkey models: create, list, show, update, delete.
import type { Command } from 'commander'
import { Option } from 'commander'
import { Rejection } from '../kernel/failure.ts'
import type { Model } from '../policy/model-catalogue.ts'
import type { CommandContext, StoreFlags } from './command-context.ts'
import { storeCommand, withStore } from './command-context.ts'
import { printChanged, printList, printRecord } from './print.ts'
import { repeatable } from './rules-options.ts'

type CreateFlags = StoreFlags & Readonly<{ route: string; guardrail?: readonly string[] }>
type UpdateFlags = StoreFlags &
  Readonly<{ route?: string; guardrail?: readonly string[]; clearGuardrails?: boolean }>

const COLUMNS = ['name', 'route', 'guardrails'] as const
const JSON_HELP = 'the model as one JSON object'

export const addModels = (program: Command, context: CommandContext): void => {
  const models = program
    .command('models')
    .description('model names, or globs, and the routes that serve them')
  storeCommand(models, 'create <name>', 'register a model; * makes it a glob')
    .requiredOption('--route <name>', 'value of x-latchkey-route, by which Envoy picks the upstream')
    .addOption(repeatable('--guardrail <name>', "a guardrail that the route's upstream enforces"))
    .option('--json', JSON_HELP)
    .action((name: string, flags: CreateFlags) =>
      withStore(flags, context, async ({ store }) => {
        const draft = { name, route: flags.route, guardrails: flags.guardrail ?? [] }
        const model = await store.policyBook.createModel(draft)
        printChanged(context.output, flags, modelRow(model), `created model ${name} on route ${model.route}`)
      }),
    )
  storeCommand(models, 'list', 'list models')
    .option('--json', 'a JSON array')
    .action((flags: StoreFlags) =>
      withStore(flags, context, async ({ store }) => {
        const rows = (await store.policyBook.listModels()).map(modelRow)
        printList(context.output, { json: flags.json, columns: COLUMNS, empty: 'no models' }, rows)
      }),
    )
  storeCommand(models, 'show <name>', 'show one model')
    .option('--json', 'one JSON object')
    .action((name: string, flags: StoreFlags) =>
      withStore(flags, context, async ({ store }) => {
        const model = (await store.policyBook.listModels()).find((each) => each.name === name)
        if (model === undefined) throw new Rejection('not_found', `there is no model ${JSON.stringify(name)}`)
        printRecord(context.output, flags, modelRow(model))
      }),
    )
  addChanges(models, context)
}

const addChanges = (models: Command, context: CommandContext): void => {
  storeCommand(models, 'update <name>', 'change what is given, leave the rest')
    .option('--route <name>', 'value of x-latchkey-route')
    .addOption(repeatable('--guardrail <name>', "a guardrail that the route's upstream enforces"))
    .addOption(new Option('--clear-guardrails', 'the upstream enforces none any more').conflicts('guardrail'))
    .option('--json', JSON_HELP)
    .action((name: string, flags: UpdateFlags) =>
      withStore(flags, context, async ({ store }) => {
        const model = await store.policyBook.updateModel(name, changeOf(flags))
        printChanged(context.output, flags, modelRow(model), `updated model ${name}`)
      }),
    )
  storeCommand(models, 'delete <name>', 'delete a model').action((name: string, flags: StoreFlags) =>
    withStore(flags, context, async ({ store }) => {
      await store.policyBook.deleteModel(name)
      context.output.note(`deleted model ${name}`)
    }),
  )
}

const changeOf = ({ route, guardrail, clearGuardrails }: UpdateFlags): Partial<Omit<Model, 'name'>> => {
  const guardrails = clearGuardrails === true ? [] : guardrail
  if (route === undefined && guardrails === undefined)
    throw new Rejection('invalid', 'nothing to update: name at least one change')
  return { ...(route === undefined ? {} : { route }), ...(guardrails === undefined ? {} : { guardrails }) }
}

const modelRow = ({ name, route, guardrails }: Model) => ({ name, route, guardrails })
