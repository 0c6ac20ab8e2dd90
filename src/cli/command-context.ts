// What every command shares: its output, the options that find the store, and the store while it runs.
import type { Command } from 'commander'
import type { Flags } from '../config/read-settings.ts'
import type { Config } from '../config.ts'
import { loadConfig } from '../config.ts'
import type { Clock } from '../kernel/clock.ts'
import { createClock } from '../kernel/clock.ts'
import type { Store } from '../store/store.ts'
import type { Output } from './output.ts'

export type CommandContext = Readonly<{ output: Output }>

export type StoreFlags = Readonly<{ config?: string; databaseUrl?: string; json?: boolean }>

export type OpenStore = Readonly<{ store: Store; clock: Clock; config: Config }>

/** A command below `parent` that works on the store. */
export const storeCommand = (parent: Command, nameAndArguments: string, description: string): Command =>
  parent
    .command(nameAndArguments)
    .description(description)
    .option('--database-url <url>', 'the store, instead of DATABASE_URL')
    .option('--config <file>', 'YAML file, instead of LATCHKEY_CONFIG')

export const configOf = ({ config, databaseUrl }: StoreFlags): Config => {
  const flags: Flags = { config, database_url: databaseUrl }
  return loadConfig(flags)
}

/** Opens the store, migrated, for as long as `work` takes. An embedded store that is not there yet is made. */
export const withStore = async (
  flags: StoreFlags,
  context: CommandContext,
  work: (open: OpenStore) => Promise<void>,
): Promise<void> => {
  const config = configOf(flags)
  // Loaded late: whoever supervises other processes, or only prints help, needs no database's driver.
  const { openReadyStore } = await import('../store/open-ready-store.ts')
  const clock = createClock()
  const { store, applied, created } = await openReadyStore({ url: config.databaseUrl, clock })
  try {
    if (created) context.output.note(`created a new store at ${config.databaseUrl}`)
    else if (applied.length > 0) context.output.note(`migrated the store: ${applied.join(', ')}`)
    await work({ store, clock, config })
  } finally {
    await store.close()
  }
}
