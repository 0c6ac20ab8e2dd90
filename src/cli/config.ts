// latchkey config: what is set, from where, and what may be set at all.
import type { Command } from 'commander'
import { effectiveSettings } from '../config/effective-settings.ts'
import { settingsJsonSchema } from '../config/json-schema.ts'
import type { CommandContext } from './command-context.ts'
import { printList } from './print.ts'

export const addConfig = (program: Command, { output }: CommandContext): void => {
  const config = program.command('config').description('what is set, and what may be')
  config
    .command('check')
    .description('read the configuration as serve would, and tell every fault or each setting in effect')
    .option('--config <file>', 'YAML file, instead of LATCHKEY_CONFIG')
    .option('--json', 'a JSON array')
    .action(({ json, config: file }: Readonly<{ json?: boolean; config?: string }>) =>
      printList(
        output,
        { json, columns: ['setting', 'value', 'from'], empty: 'no settings' },
        effectiveSettings({ config: file }),
      ),
    )
  config
    .command('schema')
    .description('print the JSON Schema of the YAML file, for editors')
    .action(() => output.line(JSON.stringify(settingsJsonSchema(), undefined, 2)))
}
