// Every setting that is in effect, as a person would write it, and where it comes from.
import type { Flags } from './read-settings.ts'
import { readSettings } from './read-settings.ts'
import { defaultTextOf, isSecret } from './settings.ts'
import type { Environment } from './sources.ts'
import { SETTING_NAMES } from './sources.ts'

export type EffectiveSetting = Readonly<{
  setting: string
  /** Never a secret; undefined when it is not set and has no default. */
  value: string | undefined
  /** A flag, a variable, a line of the file, or `default`. */
  from: string
}>

/** Throws a Rejection that lists every fault. */
export const effectiveSettings = (
  flags: Flags,
  environment: Environment = process.env,
): readonly EffectiveSetting[] => {
  const { given } = readSettings(flags, environment)
  return SETTING_NAMES.map((setting) => {
    const source = given.get(setting)
    const value = source === undefined ? defaultTextOf(setting) : textOf(source.value)
    return {
      setting,
      value: source !== undefined && isSecret(setting) ? '[redacted]' : value,
      // In the file the name stands beside the line, and is known.
      from: source?.where.replace(new RegExp(`: ${setting}(_file)?$`), '') ?? 'default',
    }
  })
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
