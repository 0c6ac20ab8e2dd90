// What keys, owners and policies say about models and guardrails.

/** What one holder (key or owner) says about its traffic. Absent models: no restriction. Empty models: nothing is admitted. */
export type Rules = Readonly<{
  models: readonly string[] | undefined
  deniedModels: readonly string[]
  /** Names; each must be registered, or every request is refused with policy_unresolved. */
  policies: readonly string[]
  guardrails: readonly string[]
}>

export const NO_RULES: Rules = { models: undefined, deniedModels: [], policies: [], guardrails: [] }

/** A named, versioned set of rules that many keys and owners share. */
export type Policy = Readonly<{
  name: string
  /** 1 when created, one more with each change. */
  version: number
  models: readonly string[] | undefined
  deniedModels: readonly string[]
  guardrails: readonly string[]
}>
