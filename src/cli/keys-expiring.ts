// latchkey keys expiring: what will be refused soon, unless somebody does something.
import type { Command } from 'commander'
import type { Expiring } from '../keys/key-book.ts'
import type { CommandContext, StoreFlags } from './command-context.ts'
import { storeCommand, withStore } from './command-context.ts'
import { parseDuration } from './duration.ts'
import { formatInstant } from './instant.ts'
import { printList } from './print.ts'

type Flags = StoreFlags & Readonly<{ within: string; owner?: string }>

const COLUMNS = ['ends_at', 'what', 'id', 'name', 'owner', 'hint'] as const

export const addKeysExpiring = (keys: Command, context: CommandContext): void => {
  storeCommand(keys, 'expiring', 'list keys that expire soon, and secrets whose grace ends')
    .option('--within <time>', 'from now on', '30d')
    .option('--owner <path>', 'only of this owner and those below it')
    .option('--json', 'a JSON array')
    .action((flags: Flags) =>
      withStore(flags, context, async ({ store, clock }) => {
        const filter = {
          untilMs: clock.now() + parseDuration('--within', flags.within, '12h or 30d'),
          ...(flags.owner === undefined ? {} : { ownerPath: flags.owner }),
        }
        const rows = (await store.keyBook.listExpiring(filter)).map(expiringRow)
        const empty = `nothing ends within ${flags.within}`
        printList(context.output, { json: flags.json, columns: COLUMNS, empty }, rows)
      }),
    )
}

const expiringRow = ({ what, keyId, name, ownerPath, hint, endsAtMs }: Expiring) => ({
  ends_at: formatInstant(endsAtMs),
  what,
  id: keyId,
  name,
  owner: ownerPath,
  hint,
})
