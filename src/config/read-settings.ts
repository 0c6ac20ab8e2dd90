// All sources together, read by one schema: every setting with where it comes from, or every fault.
import { Rejection } from '../kernel/failure.ts'
import { contradictions } from './contradictions.ts'
import type { Settings } from './settings.ts'
import { settingsSchema } from './settings.ts'
import type { Environment, Sourced } from './sources.ts'
import { environmentName, fromEnvironment, fromFlags } from './sources.ts'
import { fromYaml } from './yaml-file.ts'

/** Values of flags by setting name, as text; `config` names the YAML file. */
export type Flags = Readonly<Record<string, string | undefined>>

export type ReadSettings = Readonly<{
  settings: Settings
  /** What was given, as it was written; the rest has its default. */
  given: ReadonlyMap<string, Sourced>
}>

/** Throws a Rejection that lists every fault, each with the flag, variable or line it comes from. */
export const readSettings = (flags: Flags, environment: Environment): ReadSettings => {
  const faults: string[] = []
  const yamlPath = flags['config'] ?? environment[environmentName('config')]
  const given = new Map<string, Sourced>([
    ...fromYaml(yamlPath, faults),
    ...fromEnvironment(environment, faults),
    ...fromFlags(flags, faults),
  ])
  const parsed = settingsSchema.safeParse(
    Object.fromEntries([...given].map(([name, { value }]) => [name, value])),
  )
  for (const issue of parsed.error?.issues ?? []) {
    if (issue.code === 'unrecognized_keys')
      for (const name of issue.keys)
        faults.push(`${given.get(name)?.where ?? name}: there is no such setting`)
    else faults.push(`${given.get(String(issue.path[0]))?.where}: ${issue.message}`)
  }
  if (parsed.success) faults.push(...contradictions(parsed.data, given))
  if (faults.length > 0 || !parsed.success) throw new Rejection('invalid', inOneMessage(faults))
  return { settings: parsed.data, given }
}

const inOneMessage = (faults: readonly string[]): string => {
  const [only] = faults
  return faults.length === 1 && only !== undefined
    ? `the configuration is wrong: ${only}`
    : `the configuration has ${faults.length} faults:\n${faults.map((fault) => `  ${fault}`).join('\n')}`
}
