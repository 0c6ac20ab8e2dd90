// latchkey policies: create, list, show, update, delete.
import type { Command } from 'commander'
import { Rejection } from '../kernel/failure.ts'
import type { Policy } from '../policy/policy.ts'
import type { CommandContext, StoreFlags } from './command-context.ts'
import { storeCommand, withStore } from './command-context.ts'
import { policyRulesRow } from './key-row.ts'
import { printChanged, printList, printRecord } from './print.ts'
import type { RulesFlags } from './rules-options.ts'
import { addRulesChangeOptions, addRulesOptions, policyRulesOf, rulesChangeOf } from './rules-options.ts'
import type { ShadowFlags } from './shadow.ts'
import { shadowChangeOf, shadowOption } from './shadow.ts'

type Flags = StoreFlags & RulesFlags & ShadowFlags

const COLUMNS = ['name', 'version', 'models', 'denied_models', 'guardrails'] as const

export const addPolicies = (program: Command, context: CommandContext): void => {
  const policies = program.command('policies').description('named rules that keys and owners share')
  const create = storeCommand(policies, 'create <name>', 'make a policy').option(
    '--json',
    'the policy as one JSON object',
  )
  addRulesOptions(create, { withPolicies: false })
    .addOption(shadowOption('policy'))
    .action((name: string, flags: Flags) =>
      withStore(flags, context, async ({ store }) => {
        const draft = { name, shadow: flags.shadow === 'on', ...policyRulesOf(flags) }
        const policy = await store.policyBook.createPolicy(draft)
        printChanged(context.output, flags, policyRow(policy), `created policy ${name}`)
      }),
    )
  storeCommand(policies, 'list', 'list policies')
    .option('--json', 'a JSON array')
    .action((flags: StoreFlags) =>
      withStore(flags, context, async ({ store }) => {
        const rows = (await store.policyBook.listPolicies()).map(policyRow)
        printList(context.output, { json: flags.json, columns: COLUMNS, empty: 'no policies' }, rows)
      }),
    )
  storeCommand(policies, 'show <name>', 'show one policy')
    .option('--json', 'one JSON object')
    .action((name: string, flags: StoreFlags) =>
      withStore(flags, context, async ({ store }) => {
        const policy = (await store.policyBook.listPolicies()).find((each) => each.name === name)
        if (policy === undefined)
          throw new Rejection('not_found', `there is no policy ${JSON.stringify(name)}`)
        printRecord(context.output, flags, policyRow(policy))
      }),
    )
  addUpdate(policies, context)
  storeCommand(policies, 'delete <name>', 'delete a policy that no key and no owner names').action(
    (name: string, flags: StoreFlags) =>
      withStore(flags, context, async ({ store }) => {
        await store.policyBook.deletePolicy(name)
        context.output.note(`deleted policy ${name}`)
      }),
  )
}

const addUpdate = (policies: Command, context: CommandContext): void => {
  const update = storeCommand(policies, 'update <name>', 'change what is given, leave the rest').option(
    '--json',
    'the policy as one JSON object',
  )
  addRulesChangeOptions(update, { withPolicies: false })
    .addOption(shadowOption('policy'))
    .action((name: string, flags: Flags) =>
      withStore(flags, context, async ({ store }) => {
        const change = { ...rulesChangeOf(flags), ...shadowChangeOf(flags) }
        if (Object.keys(change).length === 0)
          throw new Rejection('invalid', 'nothing to update: name at least one change')
        const policy = await store.policyBook.updatePolicy(name, change)
        printChanged(
          context.output,
          flags,
          policyRow(policy),
          `updated policy ${name} to version ${policy.version}`,
        )
      }),
    )
}

const policyRow = ({ name, version, shadow, ...rules }: Policy) => ({
  name,
  version,
  shadow,
  ...policyRulesRow(rules),
})
