// What keys, owners and policies say about requests: lists intersect, guardrails join, deny beats allow.
import { matchesGlob } from './glob.ts'
import type { Registry } from './registry.ts'
import type { CompiledRestrictions, Restrictions } from './restrictions.ts'
import { compileRestrictions, NO_RESTRICTIONS } from './restrictions.ts'

/** What one holder (key or owner) says about its traffic. Absent models: no restriction. Empty models: nothing is admitted. */
export type Rules = PolicyRules &
  Readonly<{
    /** Names; each must be registered, or every request is refused with policy_unresolved. */
    policies: readonly string[]
  }>

/** What a policy can say: all but the naming of others. */
export type PolicyRules = Restrictions &
  Readonly<{
    models: readonly string[] | undefined
    deniedModels: readonly string[]
    guardrails: readonly string[]
  }>

export const NO_POLICY_RULES: PolicyRules = {
  ...NO_RESTRICTIONS,
  models: undefined,
  deniedModels: [],
  guardrails: [],
}

export const NO_RULES: Rules = { ...NO_POLICY_RULES, policies: [] }

/** A named, versioned set of rules that many keys and owners share. */
export type Policy = PolicyRules &
  Readonly<{
    name: string
    /** 1 when created, one more with each change. */
    version: number
    /** What it alone would refuse passes, and is told of. Its guardrails are demanded all the same, and limits are charged. */
    shadow: boolean
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
  /** undefined: none, as most have. */
  restrictions: CompiledRestrictions | undefined
  /** Sorted names, no duplicates. */
  guardrails: readonly string[]
  /** `name@version`, sorted, no duplicates. */
  policies: readonly string[]
  /** The same with what policies in shadow mode demand as well; undefined when there is none of these. */
  shadow: Requirements | undefined
}>

/** Joins the rules of a key and of every owner above it. Pure; the result holds for this registry only. */
export const requirementsOf = (holders: readonly Rules[], registry: Registry): Requirements => {
  const names = unique(holders.flatMap(({ policies }) => policies))
  const policies = names.map((name) => registry.policies.get(name)).filter((policy) => policy !== undefined)
  const all = joined(holders, { names, policies, shadow: undefined }, registry)
  if (!policies.some(({ shadow }) => shadow)) return all
  const withoutShadow = policies.map((policy) =>
    policy.shadow ? { ...policy, ...NO_POLICY_RULES, guardrails: policy.guardrails } : policy,
  )
  return joined(holders, { names, policies: withoutShadow, shadow: all }, registry)
}

const joined = (
  holders: readonly Rules[],
  {
    names,
    policies,
    shadow,
  }: { names: readonly string[]; policies: readonly Policy[]; shadow: Requirements | undefined },
  registry: Registry,
): Requirements => {
  const sources: readonly PolicyRules[] = [...holders, ...policies]
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
    restrictions: compileRestrictions(sources),
    guardrails,
    policies: policies.map(({ name, version }) => `${name}@${version}`).toSorted(),
    shadow,
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
