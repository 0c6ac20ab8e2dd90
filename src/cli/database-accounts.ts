// latchkey accounts: the accounts of a shared database, each with the least rights that its work takes.
import type { Command } from 'commander'
import type { CreatedAccount, PlannedAccount } from '../store/mysql/create-accounts.ts'
import type { CommandContext, StoreFlags } from './command-context.ts'
import { configOf, storeCommand } from './command-context.ts'
import type { Output } from './output.ts'
import { toJson } from './print.ts'

type Flags = StoreFlags & Readonly<{ apply?: boolean; prefix: string; host: string }>

export const addDatabaseAccounts = (program: Command, context: CommandContext): void => {
  storeCommand(
    program,
    'accounts',
    'print the SQL that makes a migrator, a server and an admin in the database',
  )
    .option(
      '--apply',
      'run it instead, as the user of the database URL, and print the URL of each new account',
    )
    .option('--prefix <name>', 'what their names begin with', 'latchkey')
    .option('--host <pattern>', 'from where they may connect, as the database writes it', '%')
    .option('--json', 'one JSON object for each account')
    .action((flags: Flags) => makeAccounts(flags, context))
}

const makeAccounts = async (flags: Flags, { output }: CommandContext): Promise<void> => {
  const { databaseUrl } = configOf(flags)
  const { createAccounts, plannedAccounts } = await import('../store/mysql/create-accounts.ts')
  const { apply = false, json = false, prefix, host } = flags
  if (!apply) {
    for (const account of plannedAccounts(databaseUrl, { prefix, host }))
      output.line(json ? toJson(rowOf(account, account.databaseUrl)) : asScript(account))
    return
  }
  const { accounts, lacksTables } = await createAccounts(databaseUrl, { prefix, host })
  for (const account of accounts) {
    if (json) output.line(toJson(rowOf(account, account.created ? account.databaseUrl : undefined)))
    else tell(output, account)
  }
  if (lacksTables)
    output.note(
      'the database is not migrated: run latchkey migrate, then this again for the rights on tables',
    )
}

const rowOf = ({ account, user, grants }: PlannedAccount, databaseUrl: string | undefined) => ({
  account,
  user,
  database_url: databaseUrl,
  grants,
})

const asScript = ({ account, create, grants, databaseUrl }: PlannedAccount): string =>
  `-- ${account}: ${databaseUrl}\n${[create, ...grants].map((statement) => `${statement};`).join('\n')}\n`

/** The password is nowhere else, so the URL is a result; an account that was there keeps the one it has. */
const tell = (output: Output, { account, user, created, databaseUrl }: CreatedAccount): void => {
  if (created) {
    output.note(`created ${user} for ${account}; its URL, shown only now:`)
    output.line(databaseUrl)
  } else output.note(`granted what ${account} needs to ${user}, whose password stays as it was`)
}
