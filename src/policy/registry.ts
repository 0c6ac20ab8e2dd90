// Everything that has a registered name, as one snapshot with one version: a name that is not here does not exist.
import type { Model } from './model-catalogue.ts'
import type { Policy } from './policy.ts'

/** What the store keeps, as plain data. */
export type RegistryDocument = Readonly<{
  policies: readonly Policy[]
  guardrails: readonly string[]
  models: readonly Model[]
}>
