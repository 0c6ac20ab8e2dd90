// The options by which keys, owners and policies say what they admit, and how an update changes it.
import type { Command } from 'commander'
import { Option } from 'commander'
import type { Rules } from '../policy/policy.ts'

export type RulesFlags = Readonly<{
  model?: readonly string[]
  /** false by --no-models */
  models?: boolean
  denyModel?: readonly string[]
  policy?: readonly string[]
  guardrail?: readonly string[]
  clearModels?: boolean
  clearDenyModels?: boolean
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
    .addOption(new Option('--clear-guardrails', 'require no guardrail any more').conflicts('guardrail'))
  if (withPolicies)
    command.addOption(new Option('--clear-policies', 'apply no policy any more').conflicts('policy'))
  return command
}

export const rulesOf = (flags: RulesFlags): Rules => ({
  models: flags.models === false ? [] : flags.model,
  deniedModels: flags.denyModel ?? [],
  policies: flags.policy ?? [],
  guardrails: flags.guardrail ?? [],
})

/** Only what was given; `models: undefined` present lifts the restriction. */
export const rulesChangeOf = (flags: RulesFlags): Partial<Rules> => ({
  ...(flags.models === false ? { models: [] } : {}),
  ...(flags.model === undefined ? {} : { models: flags.model }),
  ...(flags.clearModels === true ? { models: undefined } : {}),
  ...(flags.denyModel === undefined ? {} : { deniedModels: flags.denyModel }),
  ...(flags.clearDenyModels === true ? { deniedModels: [] } : {}),
  ...(flags.policy === undefined ? {} : { policies: flags.policy }),
  ...(flags.clearPolicies === true ? { policies: [] } : {}),
  ...(flags.guardrail === undefined ? {} : { guardrails: flags.guardrail }),
  ...(flags.clearGuardrails === true ? { guardrails: [] } : {}),
})
