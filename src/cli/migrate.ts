// latchkey migrate: brings the store's tables up to date, or tells what is pending.
import type { Command } from 'commander'
import { createClock } from '../kernel/clock.ts'
import type { CommandContext, StoreFlags } from './command-context.ts'
import { configOf, storeCommand } from './command-context.ts'
import { printList } from './print.ts'

type Flags = StoreFlags & Readonly<{ status?: boolean }>

export const addMigrate = (program: Command, context: CommandContext): void => {
  storeCommand(program, 'migrate', "bring the store's tables up to date")
    .option('--status', 'only tell which steps are applied and which are pending')
    .option('--json', 'with --status: a JSON array')
    .action((flags: Flags) => migrate(flags, context))
}

const migrate = async (flags: Flags, { output }: CommandContext): Promise<void> => {
  const { openStore } = await import('../store/store.ts')
  const store = await openStore({ url: configOf(flags).databaseUrl, clock: createClock() })
  try {
    await store.ping()
    if (flags.status === true) {
      const { applied, pending } = await store.migrationStatus()
      const rows = [
        ...applied.map((step) => ({ step, state: 'applied' })),
        ...pending.map((step) => ({ step, state: 'pending' })),
      ]
      return printList(output, { json: flags.json, columns: ['step', 'state'], empty: 'no steps' }, rows)
    }
    const applied = await store.migrate()
    for (const step of applied) output.note(`applied ${step}`)
    if (applied.length === 0) output.note('nothing to do: the store is up to date')
  } finally {
    await store.close()
  }
}
