// Where settings come from: flag over environment over YAML; each value remembers its source, for faults that say where.
import { readSettingsFile } from './read-settings-file.ts'
import type { SettingName } from './settings.ts'
import { isSecret, settingsSchema } from './settings.ts'

export type Sourced = Readonly<{ value: unknown; where: string }>
export type Environment = Readonly<Record<string, string | undefined>>

export const SETTING_NAMES = settingsSchema.keyof().options

/** Each setting that holds a secret, and the field that names a file with it: a password need not stand in an environment. */
export const SECRET_FILES: readonly SecretFile[] = SETTING_NAMES.filter(isSecret).map((setting) => ({
  setting,
  file: `${setting}_file`,
}))

type SecretFile = Readonly<{ setting: SettingName; file: string }>

/** Every field that there is. */
const FIELDS: readonly string[] = [...SETTING_NAMES, ...SECRET_FILES.map(({ file }) => file)]

const UNPREFIXED: readonly string[] = ['database_url', 'database_url_file', 'log_level', 'log_format']

/** Of a setting, of the file of a secret one, or of `config`. */
export const environmentName = (field: string): string =>
  UNPREFIXED.includes(field) ? field.toUpperCase() : `LATCHKEY_${field.toUpperCase()}`

export const flagName = (field: string): string => `--${field.replaceAll('_', '-')}`

/** Flags by setting name, as given on the command line. */
export const fromFlags = (
  flags: Readonly<Record<string, string | undefined>>,
  faults: string[],
): Map<string, Sourced> => {
  const layer = new Map<string, Sourced>()
  for (const setting of FIELDS) {
    const value = flags[setting]
    if (value !== undefined) layer.set(setting, { value, where: flagName(setting) })
  }
  return withSecretFiles(layer, faults)
}

export const fromEnvironment = (environment: Environment, faults: string[]): Map<string, Sourced> => {
  const layer = new Map<string, Sourced>()
  const known = new Set([environmentName('config')])
  for (const setting of FIELDS) {
    const name = environmentName(setting)
    const value = environment[name]
    known.add(name)
    if (value === '') faults.push(`${name}: is empty; give it a value or unset it`)
    else if (value !== undefined) layer.set(setting, { value, where: name })
  }
  for (const name of Object.keys(environment).toSorted()) {
    if (name.startsWith('LATCHKEY_') && !known.has(name) && !SERVICE_LINK.test(name))
      faults.push(`${name}: there is no such setting`)
  }
  return withSecretFiles(layer, faults)
}

/**
 * Kubernetes sets these in every container for each Service of the namespace; one named latchkey would look like settings.
 * https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
const SERVICE_LINK =
  /^LATCHKEY(_.+)?_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/

/** Each layer may give a secret or the file that holds it, so that a flag still wins over the environment. */
export const withSecretFiles = (layer: Map<string, Sourced>, faults: string[]): Map<string, Sourced> => {
  for (const { setting, file } of SECRET_FILES) {
    const named = layer.get(file)
    if (named === undefined) continue
    layer.delete(file)
    if (typeof named.value !== 'string') faults.push(`${named.where}: must be a path`)
    else if (layer.has(setting))
      faults.push(`${named.where}: give ${setting} or the file that holds it, not both`)
    else {
      const value = readSettingsFile(named.value, `${named.where}:`, faults)?.trim()
      if (value !== undefined) layer.set(setting, { value, where: named.where })
    }
  }
  return layer
}
