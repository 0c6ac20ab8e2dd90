// The options by which keys, owners and policies say what they admit, and how an update changes it.
import type { Command } from 'commander'
import { Option } from 'commander'
import type { PolicyRules, Rules } from '../policy/policy.ts'

export type RulesFlags = Readonly<{
  model?: readonly string[]
  /** false by --no-models */
  models?: boolean
  denyModel?: readonly string[]
  path?: readonly string[]
  denyPath?: readonly string[]
  network?: readonly string[]
  denyNetwork?: readonly string[]
  hours?: readonly string[]
  policy?: readonly string[]
  guardrail?: readonly string[]
  clearModels?: boolean
  clearDenyModels?: boolean
  clearPaths?: boolean
  clearDenyPaths?: boolean
  clearNetworks?: boolean
  clearDenyNetworks?: boolean
  clearHours?: boolean
  clearPolicies?: boolean
  clearGuardrails?: boolean
}>

/** Repeatable: each use adds one value. */
export const repeatable = (flags: string, description: string): Option =>
  new Option(flags, `${description} (repeatable)`).argParser(
    (value, previous: readonly string[] | undefined) => [...(previous ?? []), value],
  )

/** `withPolicies` is false for a policy itself. */
export const addRulesOptions = (command: Command, { withPolicies }: { withPolicies: boolean }): Command => {
  command
    .addOption(repeatable('--model <glob>', 'admit models that match; without any, all models'))
    .addOption(new Option('--no-models', 'admit no model at all').conflicts('model'))
    .addOption(repeatable('--deny-model <glob>', 'refuse models that match, whatever admits them'))
    .addOption(
      repeatable(
        '--path <pattern>',
        'admit paths that match, such as "POST /v1/chat/*"; without any, all paths',
      ),
    )
    .addOption(repeatable('--deny-path <pattern>', 'refuse paths that match, whatever admits them'))
    .addOption(repeatable('--network <cidr>', 'admit these addresses, such as 10.0.0.0/8; without any, all'))
    .addOption(repeatable('--deny-network <cidr>', 'refuse these addresses, whatever admits them'))
    .addOption(
      repeatable('--hours <times>', 'admit at these times, such as "Mon-Fri 08:00-18:00@Europe/Berlin"'),
    )
    .addOption(repeatable('--guardrail <name>', 'require this guardrail'))
  if (withPolicies) command.addOption(repeatable('--policy <name>', 'apply this policy'))
  return command
}

/** For updates: a list that is given replaces the old one, and each can be emptied. */
export const addRulesChangeOptions = (
  command: Command,
  { withPolicies }: { withPolicies: boolean },
): Command => {
  addRulesOptions(command, { withPolicies })
    .addOption(
      new Option('--clear-models', 'lift the restriction: admit all models').conflicts(['model', 'models']),
    )
    .addOption(new Option('--clear-deny-models', 'refuse no model any more').conflicts('denyModel'))
    .addOption(new Option('--clear-paths', 'lift the restriction: admit all paths').conflicts('path'))
    .addOption(new Option('--clear-deny-paths', 'refuse no path any more').conflicts('denyPath'))
    .addOption(
      new Option('--clear-networks', 'lift the restriction: admit all addresses').conflicts('network'),
    )
    .addOption(new Option('--clear-deny-networks', 'refuse no address any more').conflicts('denyNetwork'))
    .addOption(new Option('--clear-hours', 'lift the restriction: admit at any time').conflicts('hours'))
    .addOption(new Option('--clear-guardrails', 'require no guardrail any more').conflicts('guardrail'))
  if (withPolicies)
    command.addOption(new Option('--clear-policies', 'apply no policy any more').conflicts('policy'))
  return command
}

export const rulesOf = (flags: RulesFlags): Rules => ({
  ...policyRulesOf(flags),
  policies: flags.policy ?? [],
})

export const policyRulesOf = (flags: RulesFlags): PolicyRules => ({
  models: flags.models === false ? [] : flags.model,
  deniedModels: flags.denyModel ?? [],
  paths: flags.path,
  deniedPaths: flags.denyPath ?? [],
  networks: flags.network,
  deniedNetworks: flags.denyNetwork ?? [],
  hours: flags.hours,
  guardrails: flags.guardrail ?? [],
})

/** Only what was given; a list that is present with undefined lifts the restriction. */
export const rulesChangeOf = (flags: RulesFlags): Partial<Rules> => ({
  ...(flags.models === false ? { models: [] } : {}),
  ...(flags.model === undefined ? {} : { models: flags.model }),
  ...(flags.clearModels === true ? { models: undefined } : {}),
  ...changed('deniedModels', flags.denyModel, flags.clearDenyModels),
  ...(flags.path === undefined ? {} : { paths: flags.path }),
  ...(flags.clearPaths === true ? { paths: undefined } : {}),
  ...changed('deniedPaths', flags.denyPath, flags.clearDenyPaths),
  ...(flags.network === undefined ? {} : { networks: flags.network }),
  ...(flags.clearNetworks === true ? { networks: undefined } : {}),
  ...changed('deniedNetworks', flags.denyNetwork, flags.clearDenyNetworks),
  ...(flags.hours === undefined ? {} : { hours: flags.hours }),
  ...(flags.clearHours === true ? { hours: undefined } : {}),
  ...changed('policies', flags.policy, flags.clearPolicies),
  ...changed('guardrails', flags.guardrail, flags.clearGuardrails),
})

const changed = (
  field: 'deniedModels' | 'deniedPaths' | 'deniedNetworks' | 'policies' | 'guardrails',
  given: readonly string[] | undefined,
  cleared: boolean | undefined,
): Partial<Rules> => (cleared === true ? { [field]: [] } : given === undefined ? {} : { [field]: given })
