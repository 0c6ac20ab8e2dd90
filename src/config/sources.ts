// Where settings come from: flag over environment over YAML; each value remembers its source, for faults that say where.
import { readFileSync } from 'node:fs'
import type { Node } from 'yaml'
import { isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml'
import type { SettingName } from './settings.ts'
import { settingsSchema } from './settings.ts'

export type Sourced = Readonly<{ value: unknown; where: string }>
export type Environment = Readonly<Record<string, string | undefined>>

export const SETTING_NAMES = settingsSchema.keyof().options

/** The field in YAML that names a file with the database's URL, so that a password need not stand in an environment. */
export const DATABASE_URL_FILE = 'database_url_file'

const UNPREFIXED: readonly string[] = ['database_url', DATABASE_URL_FILE, 'log_level', 'log_format']

export const environmentName = (setting: SettingName | typeof DATABASE_URL_FILE | 'config'): string =>
  UNPREFIXED.includes(setting) ? setting.toUpperCase() : `LATCHKEY_${setting.toUpperCase()}`

export const flagName = (setting: SettingName | typeof DATABASE_URL_FILE | 'config'): string =>
  `--${setting.replaceAll('_', '-')}`

/** Flags by setting name, as given on the command line. */
export const fromFlags = (
  flags: Readonly<Record<string, string | undefined>>,
  faults: string[],
): Map<string, Sourced> => {
  const layer = new Map<string, Sourced>()
  for (const setting of [...SETTING_NAMES, DATABASE_URL_FILE] as const) {
    const value = flags[setting]
    if (value !== undefined) layer.set(setting, { value, where: flagName(setting) })
  }
  return withDatabaseUrlFile(layer, faults)
}

export const fromEnvironment = (environment: Environment, faults: string[]): Map<string, Sourced> => {
  const layer = new Map<string, Sourced>()
  const known = new Set([environmentName('config')])
  for (const setting of [...SETTING_NAMES, DATABASE_URL_FILE] as const) {
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
  return withDatabaseUrlFile(layer, faults)
}

export const fromYaml = (path: string | undefined, faults: string[]): Map<string, Sourced> => {
  const layer = new Map<string, Sourced>()
  const source = path === undefined ? undefined : readText(path, 'configuration', faults)
  if (path === undefined || source === undefined) return layer
  const lines = new LineCounter()
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false })
  const at = (offset: number) => `${path}:${lines.linePos(offset).line}`
  const wrong = [...document.errors, ...document.warnings]
  for (const { pos, message } of wrong) faults.push(`${at(pos[0])}: ${message}`)
  if (wrong.length > 0 || document.contents === null) return layer
  if (!isMap<Node>(document.contents)) {
    faults.push(`${path}:1: the configuration must be a map of settings`)
    return layer
  }
  for (const { key, value } of document.contents.items) {
    const name = isScalar(key) ? String(key.value) : String(key)
    layer.set(name, {
      value: isNode(value) ? value.toJS(document) : null,
      where: `${at(key.range?.[0] ?? 0)}: ${name}`,
    })
  }
  return withDatabaseUrlFile(layer, faults)
}

/**
 * Kubernetes sets these in every container for each Service of the namespace; one named latchkey would look like settings.
 * https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
const SERVICE_LINK =
  /^LATCHKEY(_.+)?_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/

/** Each layer may give the URL or the file that holds it, so that a flag still wins over the environment. */
const withDatabaseUrlFile = (layer: Map<string, Sourced>, faults: string[]): Map<string, Sourced> => {
  const file = layer.get(DATABASE_URL_FILE)
  if (file === undefined) return layer
  layer.delete(DATABASE_URL_FILE)
  if (typeof file.value !== 'string') faults.push(`${file.where}: must be a path`)
  else if (layer.has('database_url'))
    faults.push(`${file.where}: give the URL or the file that holds it, not both`)
  else {
    const value = readText(file.value, `${file.where}:`, faults)?.trim()
    if (value !== undefined) layer.set('database_url', { value, where: file.where })
  }
  return layer
}

const readText = (path: string, what: string, faults: string[]): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    faults.push(`${what} file ${path} cannot be read (${why})`)
    return undefined
  }
}
