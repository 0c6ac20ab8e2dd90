// The manual's table of settings, made from the schema that reads them, so that neither can know what the other does not.
import { formOf } from '../src/config/json-schema.ts'
import { defaultTextOf, settingsSchema } from '../src/config/settings.ts'
import { environmentName, flagName, SETTING_NAMES } from '../src/config/sources.ts'
import { markdownTable } from './markdown-table.ts'

/** The page with its table as it should be. */
export const withSettings = (page: string): string =>
  page.replace(
    /(<!-- settings:[^\n]*-->\n)[\s\S]*?(<!-- \/settings -->)/,
    (_, begin, end) => `${begin}\n${settingsTable()}\n\n${end}`,
  )

/** Flag, environment variable, form, default and meaning of every setting. The YAML field is the flag's name with `_`. */
const settingsTable = (): string =>
  markdownTable(
    ['Flag', 'Environment', 'Form', 'Default', 'Meaning'],
    SETTING_NAMES.map((name) => {
      const usual = defaultTextOf(name)
      return [
        `\`${flagName(name)}\``,
        `\`${environmentName(name)}\``,
        formOf(name),
        usual === undefined ? 'none' : `\`${usual}\``,
        settingsSchema.shape[name].description ?? '',
      ]
    }),
  )
