// What keys, owners and policies say about models: lists intersect, guardrails join, deny beats allow.
import { matchesGlob } from './glob.ts'
import type { Registry } from './registry.ts'

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

/** All rules of a key and its owners, resolved against one registry. */
export type Requirements = Readonly<{
  /** A policy or guardrail that is not registered; when there is one, nothing may pass. */
  unresolved: string | undefined
  /** A model must match a glob of each list. */
  allowLists: readonly (readonly string[])[]
  /** A model must match none. */
  deniedModels: readonly string[]
  /** True when no decision is possible without knowing the model. */
  needsModel: boolean
  /** Sorted names, no duplicates. */
  guardrails: readonly string[]
  /** `name@version`, sorted, no duplicates. */
  policies: readonly string[]
}>

/** Joins the rules of a key and of every owner above it. Pure; the result holds for this registry only. */
export const requirementsOf = (holders: readonly Rules[], registry: Registry): Requirements => {
  const names = unique(holders.flatMap(({ policies }) => policies))
  const policies = names.map((name) => registry.policies.get(name)).filter((policy) => policy !== undefined)
  const sources = [...holders, ...policies]
  const guardrails = unique(sources.flatMap((source) => source.guardrails))
  const allowLists = sources.map(({ models }) => models).filter((models) => models !== undefined)
  const deniedModels = unique(sources.flatMap((source) => source.deniedModels))
  const unknownPolicy = names.find((name) => !registry.policies.has(name))
  const unknownGuardrail = guardrails.find((name) => !registry.guardrails.has(name))
  return {
    unresolved:
      unknownPolicy !== undefined
        ? `policy ${unknownPolicy}`
        : unknownGuardrail && `guardrail ${unknownGuardrail}`,
    allowLists,
    deniedModels,
    needsModel: allowLists.length > 0 || deniedModels.length > 0 || !registry.catalogue.isEmpty,
    guardrails,
    policies: policies.map(({ name, version }) => `${name}@${version}`).toSorted(),
  }
}

/**
 * Lists admit exactly what they spell; a denial also catches other spellings in upper and lower case, because some
 * upstreams do not tell them apart.
 */
export const admitsModel = ({ allowLists, deniedModels }: Requirements, model: string): boolean => {
  const folded = model.toLowerCase()
  return (
    !deniedModels.some((glob) => matchesGlob(glob.toLowerCase(), folded)) &&
    allowLists.every((list) => list.some((glob) => matchesGlob(glob, model)))
  )
}

const unique = (names: readonly string[]): readonly string[] => [...new Set(names)].toSorted()
