// latchkey guardrails: create, list, delete. A guardrail is its name; there is nothing else to show or to update.
import type { Command } from 'commander'
import type { CommandContext, StoreFlags } from './command-context.ts'
import { storeCommand, withStore } from './command-context.ts'
import { printChanged, printList } from './print.ts'

export const addGuardrails = (program: Command, context: CommandContext): void => {
  const guardrails = program.command('guardrails').description('names of guardrails that upstreams enforce')
  storeCommand(guardrails, 'create <name>', 'register a name')
    .option('--json', 'the guardrail as one JSON object')
    .action((name: string, flags: StoreFlags) =>
      withStore(flags, context, async ({ store }) => {
        await store.policyBook.createGuardrail(name)
        printChanged(context.output, flags, { name }, `created guardrail ${name}`)
      }),
    )
  storeCommand(guardrails, 'list', 'list guardrails')
    .option('--json', 'a JSON array')
    .action((flags: StoreFlags) =>
      withStore(flags, context, async ({ store }) => {
        const rows = (await store.policyBook.listGuardrails()).map((name) => ({ name }))
        printList(context.output, { json: flags.json, columns: ['name'], empty: 'no guardrails' }, rows)
      }),
    )
  storeCommand(guardrails, 'delete <name>', 'delete a name that no key, owner, policy or model uses').action(
    (name: string, flags: StoreFlags) =>
      withStore(flags, context, async ({ store }) => {
        await store.policyBook.deleteGuardrail(name)
        context.output.note(`deleted guardrail ${name}`)
      }),
  )
}
