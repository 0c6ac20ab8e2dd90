// Everything that has a registered name, as one snapshot with one version: a name that is not here does not exist.
import type { Model, ModelCatalogue } from './model-catalogue.ts'
import { createModelCatalogue } from './model-catalogue.ts'
import type { Policy } from './policy.ts'
import { NO_POLICY_RULES } from './policy.ts'

/** What the store keeps, as plain data. */
export type RegistryDocument = Readonly<{
  policies: readonly Policy[]
  guardrails: readonly string[]
  models: readonly Model[]
}>

/** The same, ready to be asked. Immutable: a change makes a new one. */
export type Registry = Readonly<{
  version: number
  policies: ReadonlyMap<string, Policy>
  guardrails: ReadonlySet<string>
  catalogue: ModelCatalogue
}>

export const createRegistry = (version: number, document: RegistryDocument): Registry => ({
  version,
  policies: new Map(document.policies.map((policy) => [policy.name, { ...UNSAID, ...policy }])),
  guardrails: new Set(document.guardrails),
  catalogue: createModelCatalogue(document.models),
})

/** Of a document that was written before policies could say all this. */
const UNSAID = { ...NO_POLICY_RULES, shadow: false }
