// What is registered: names that nobody knows, guardrails that nobody runs, models that nobody reaches.
import type { KeyRecord, OwnerRecord } from '../../keys/key-book.ts'
import { isGlob } from '../../policy/glob.ts'
import type { Model } from '../../policy/model-catalogue.ts'
import { createModelCatalogue } from '../../policy/model-catalogue.ts'
import type { Policy } from '../../policy/policy.ts'
import type { Finding } from '../finding.ts'
import { fault, orFine, someOf, warning } from '../finding.ts'

export type Registered = Readonly<{
  owners: readonly OwnerRecord[]
  /** Those that are not revoked. */
  keys: readonly KeyRecord[]
  policies: readonly Policy[]
  guardrails: readonly string[]
  models: readonly Model[]
}>

export const examineRegistry = (registered: Registered): readonly Finding[] => [
  ...examineNames(registered),
  ...examineGuardrails(registered),
  ...examineModels(registered),
]

type Holder = Readonly<{ name: string; policies: readonly string[]; guardrails: readonly string[] }>

const holdersOf = ({ owners, keys, policies }: Registered): readonly Holder[] => [
  ...owners.map(({ path, rules }) => ({ name: `owner ${path}`, ...rules })),
  ...keys.map(({ id, rules }) => ({ name: `key ${id}`, ...rules })),
  ...policies.map(({ name, guardrails }) => ({ name: `policy ${name}`, policies: [], guardrails })),
]

/** No command lets it come to this, but a SQL prompt does. */
const examineNames = (registered: Registered): readonly Finding[] => {
  const policies = new Set(registered.policies.map(({ name }) => name))
  const guardrails = new Set(registered.guardrails)
  const missing = holdersOf(registered).flatMap((holder) => [
    ...holder.policies
      .filter((name) => !policies.has(name))
      .map((name) => `${holder.name} names policy ${name}`),
    ...holder.guardrails
      .filter((name) => !guardrails.has(name))
      .map((name) => `${holder.name} names guardrail ${name}`),
  ])
  const mistakes =
    missing.length === 0
      ? []
      : [
          fault(
            'registered_names',
            `not registered, so everything that needs it is refused with policy_unresolved: ${someOf(missing)}`,
            'create it (latchkey policies create, latchkey guardrails create), or take the name away',
          ),
        ]
  return orFine(mistakes, 'registered_names', 'every policy and guardrail that is named is registered')
}

/** With a catalogue, a request passes only to a route whose upstream runs what the key needs. */
const examineGuardrails = (registered: Registered): readonly Finding[] => {
  const check = 'guardrails_run'
  const { models } = registered
  const run = new Set(models.flatMap(({ guardrails }) => guardrails))
  const needed = holdersOf(registered).flatMap(({ name, guardrails }) =>
    guardrails.filter((guardrail) => !run.has(guardrail)).map((guardrail) => `${guardrail} (${name})`),
  )
  const mistakes =
    models.length === 0 || needed.length === 0
      ? []
      : [
          fault(
            check,
            `no model's route runs a guardrail that is required, so every request is refused: ${someOf(needed)}`,
            'latchkey models update NAME --guardrail …, for each route whose upstream runs it',
          ),
        ]
  return orFine(mistakes, check, 'every guardrail that is required is run by some route')
}

const examineModels = ({ owners, keys, policies, models }: Registered): readonly Finding[] => {
  const check = 'models_routed'
  const catalogue = createModelCatalogue(models)
  const lists = [
    ...owners.map(({ path, rules }) => ({ name: `owner ${path}`, models: rules.models })),
    ...keys.map(({ id, rules }) => ({ name: `key ${id}`, models: rules.models })),
    ...policies.map(({ name, models: listed }) => ({ name: `policy ${name}`, models: listed })),
  ]
  const unrouted = lists.flatMap(({ name, models: listed = [] }) =>
    listed
      .filter((model) => !isGlob(model) && catalogue.match(model) === undefined)
      .map((model) => `${model} (${name})`),
  )
  const mistakes =
    catalogue.isEmpty || unrouted.length === 0
      ? []
      : [
          warning(
            check,
            `admitted to somebody, and no entry of the catalogue routes it: ${someOf(unrouted)}`,
            'latchkey models create NAME --route …, or take the name off the list',
          ),
        ]
  return orFine(mistakes, check, 'every model that is admitted by name has a route')
}
