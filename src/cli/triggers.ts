// latchkey triggers: lets the change feed know what is changed in the database past Latchkey.
import type { Command } from 'commander'
import type { CommandContext, StoreFlags } from './command-context.ts'
import { storeCommand, withStore } from './command-context.ts'
import { printList } from './print.ts'

export const addTriggers = (program: Command, context: CommandContext): void => {
  const { output } = context
  const triggers = program
    .command('triggers')
    .description('database triggers that tell replicas of changes made past Latchkey')
  storeCommand(triggers, 'install', 'make them, or make them anew').action((flags: StoreFlags) =>
    withStore(flags, context, async ({ store }) => {
      await store.feedTriggers.install()
      output.note(`installed ${(await store.feedTriggers.installed()).length} triggers`)
    }),
  )
  storeCommand(triggers, 'remove', 'remove them').action((flags: StoreFlags) =>
    withStore(flags, context, async ({ store }) => {
      const { length } = await store.feedTriggers.installed()
      await store.feedTriggers.remove()
      output.note(`removed ${length} triggers`)
    }),
  )
  storeCommand(triggers, 'list', 'list those there are')
    .option('--json', 'a JSON array')
    .action((flags: StoreFlags) =>
      withStore(flags, context, async ({ store }) => {
        const rows = (await store.feedTriggers.installed()).map((trigger) => ({ trigger }))
        printList(output, { json: flags.json, columns: ['trigger'], empty: 'no triggers' }, rows)
      }),
    )
}
