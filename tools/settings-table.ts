// The manual's table of settings, made from the schema that reads them, so that neither can know what the other does not.

import type { SettingName } from '../src/config/settings.ts'
import { settingsSchema } from '../src/config/settings.ts'
import { environmentName, flagName, SETTING_NAMES } from '../src/config/sources.ts'
import type { SecretFormat } from '../src/keys/secret.ts'
import { markdownTable } from './markdown-table.ts'

/** Flag, environment variable, form, default and meaning of every setting. The YAML field is the flag's name with `_`. */
const settingsTable = (): string =>
  markdownTable(
    ['Flag', 'Environment', 'Form', 'Default', 'Meaning'],
    SETTING_NAMES.map((name) => [
      `\`${flagName(name)}\``,
      `\`${environmentName(name)}\``,
      cell(formOf(name)),
      codeOf(defaultText(name)),
      cell(settingsSchema.shape[name].description ?? ''),
    ]),
  )

/** The page with its table as it should be. */
export const withSettings = (page: string): string =>
  page.replace(
    /(<!-- settings:[^\n]*-->\n)[\s\S]*?(<!-- \/settings -->)/,
    (_, begin, end) => `${begin}\n${settingsTable()}\n\n${end}`,
  )

/** The default as a person would write it, or undefined when there is none. */
export const defaultText = (name: SettingName): string | undefined => {
  const value = settingsSchema.shape[name].parse(undefined)
  if (value === undefined) return undefined
  if (Array.isArray(value)) return value.map(itemText).join(',')
  if (typeof value !== 'number') return value
  const form = formOf(name)
  if (form.startsWith('a duration')) return scaled(value, DURATIONS)
  if (form.startsWith('a size')) return scaled(value, SIZES)
  return form.startsWith('a file mode') ? `0${value.toString(8)}` : String(value)
}

/** What the schema says to a value of no form at all: `… is not a duration such as …`. */
const formOf = (name: SettingName): string => {
  const { error } = settingsSchema.shape[name].safeParse({})
  return /is not (?<form>.*)$/s.exec(error?.issues[0]?.message ?? '')?.groups?.['form'] ?? ''
}

const DURATIONS: readonly (readonly [string, number])[] = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
]
const SIZES: readonly (readonly [string, number])[] = [
  ['GiB', 1_073_741_824],
  ['MiB', 1_048_576],
  ['KiB', 1_024],
  ['B', 1],
]

const scaled = (value: number, units: readonly (readonly [string, number])[]): string => {
  const [unit, size] = units.find(([, each]) => value % each === 0) ?? ['', 1]
  return `${value / size}${unit}`
}

const itemText = (item: string | SecretFormat): string =>
  typeof item === 'string' ? item : `${item.prefix}:${item.length}:${item.checksum}`

const codeOf = (text: string | undefined): string => (text === undefined ? 'none' : `\`${text}\``)
const cell = (text: string): string => text.replaceAll('|', '\\|')
