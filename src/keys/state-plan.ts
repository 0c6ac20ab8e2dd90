// What must be created, changed and deleted so that a store holds what is declared. Pure.
import type { Model } from '../policy/model-catalogue.ts'
import type { LimitDraft } from '../quota/limit-book.ts'
import type { DeclaredOwner, DeclaredPolicy, DeclaredState, StoredState } from './declared-state.ts'

export type Update<T> = Readonly<{ before: T; after: T }>

export type Changes<T> = Readonly<{
  create: readonly T[]
  update: readonly Update<T>[]
  delete: readonly T[]
  /** In the store, not declared, not to be pruned. */
  left: readonly T[]
}>

export type PlannedGuardrail = Readonly<{ name: string }>
export type PlannedOwner = Omit<DeclaredOwner, 'limits' | 'disabled'> & Readonly<{ disabled: boolean }>
export type PlannedLimit = LimitDraft & Readonly<{ path: string }>

export type Plan = Readonly<{
  guardrails: Changes<PlannedGuardrail>
  policies: Changes<DeclaredPolicy>
  models: Changes<Model>
  owners: Changes<PlannedOwner>
  limits: Changes<PlannedLimit>
}>

/** Names in `declared` are distinct. Limits of an owner that is not declared are its own affair until it is pruned. */
export const planOf = (
  stored: StoredState,
  declared: DeclaredState,
  { prune }: Readonly<{ prune: boolean }>,
): Plan => {
  const disabledNow = new Map(stored.owners.map(({ path, disabled }) => [path, disabled]))
  const owner = ({ limits: _limits, ...rest }: DeclaredOwner): PlannedOwner => ({
    ...rest,
    disabled: rest.disabled ?? disabledNow.get(rest.path) ?? false,
  })
  const isDeclared = new Set(declared.owners?.map(({ path }) => path))
  const guardrail = (name: string) => ({ name })
  return {
    guardrails: changesBetween(
      stored.guardrails.map(guardrail),
      declared.guardrails?.map(guardrail),
      guardrailName,
      prune,
    ),
    policies: changesBetween(stored.policies, declared.policies, policyName, prune),
    models: changesBetween(stored.models, declared.models, modelName, prune),
    owners: changesBetween(stored.owners.map(owner), declared.owners?.map(owner), ownerName, prune),
    limits: changesBetween(
      limitsOf(stored.owners.filter(({ path }) => isDeclared.has(path))),
      declared.owners && limitsOf(declared.owners),
      limitName,
      prune,
    ),
  }
}

export const guardrailName = ({ name }: PlannedGuardrail): string => name
export const policyName = ({ name }: DeclaredPolicy): string => name
export const modelName = ({ name }: Model): string => name
export const ownerName = ({ path }: PlannedOwner): string => path
/** All that tells two limits apart; what is left of a limit is its amount. */
export const limitName = ({ path, unit, period, zone }: PlannedLimit): string =>
  `${unit}/${period}${zone === 'UTC' ? '' : `@${zone}`} on ${path}`

/** The same whatever the order of lists is: no rule depends on it. */
export const isSame = (a: unknown, b: unknown): boolean => canonical(a) === canonical(b)

const limitsOf = (owners: readonly DeclaredOwner[]): readonly PlannedLimit[] =>
  owners.flatMap(({ path, limits }) => limits.map((limit) => ({ ...limit, path })))

const changesBetween = <T>(
  stored: readonly T[],
  declared: readonly T[] | undefined,
  nameOf: (object: T) => string,
  prune: boolean,
): Changes<T> => {
  if (declared === undefined) return { create: [], update: [], delete: [], left: [] }
  const before = new Map(stored.map((object) => [nameOf(object), object]))
  const names = new Set(declared.map(nameOf))
  const missing = stored.filter((object) => !names.has(nameOf(object)))
  const update = declared.flatMap((after) => {
    const found = before.get(nameOf(after))
    return found === undefined || isSame(found, after) ? [] : [{ before: found, after }]
  })
  return {
    create: declared.filter((object) => !before.has(nameOf(object))),
    update,
    delete: prune ? missing : [],
    left: prune ? [] : missing,
  }
}

const canonical = (value: unknown): string => JSON.stringify(sorted(value)) ?? 'nothing'

const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(canonical).toSorted()
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, field]) => field !== undefined)
  return Object.fromEntries(
    entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, field]) => [name, sorted(field)]),
  )
}
