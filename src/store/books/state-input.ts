// A declared state as people give it, checked whole: every fault is told, each with the field and the entry it is in.
import { Rejection } from '../../kernel/failure.ts'
import { parseName } from '../../kernel/name.ts'
import type {
  DeclaredOwner,
  DeclaredPolicy,
  DeclaredState,
  ObjectKind,
  ObjectName,
  StateFault,
} from '../../keys/declared-state.ts'
import { limitName } from '../../keys/state-plan.ts'
import type { Model } from '../../policy/model-catalogue.ts'
import { NO_POLICY_RULES, NO_RULES } from '../../policy/policy.ts'
import { MAX_LIMITS } from './key-input.ts'
import { labelsToColumn } from './labels-input.ts'
import { parseLimit } from './limit-input.ts'
import { parseModel } from './model-book.ts'
import { parseNewOwnerPath } from './owner-input.ts'
import { parsePolicy } from './policy-book.ts'
import { parseModelName, parseRules } from './rules-input.ts'

export type ParsedState = Readonly<{
  /** The same state with its lists free of duplicates; what is faulty is as it was. */
  declared: DeclaredState
  faults: readonly StateFault[]
}>

export const parseState = (state: DeclaredState): ParsedState => {
  const faults: StateFault[] = []
  const declared: DeclaredState = {
    guardrails: state.guardrails,
    policies: state.policies?.map((policy) => policyIn(faults, policy)),
    models: state.models?.map((model) => modelIn(faults, model)),
    owners: state.owners?.map((owner) => ownerIn(faults, owner)),
  }
  faults.push(
    ...(state.guardrails ?? []).flatMap((name) =>
      wrong({ kind: 'guardrail', name }, () => parseName('guardrail', name)),
    ),
    ...twice('guardrail', state.guardrails ?? []),
    ...twice(
      'policy',
      (state.policies ?? []).map(({ name }) => name),
    ),
    ...twice(
      'model',
      (state.models ?? []).map(({ name }) => name),
    ),
    ...twice(
      'owner',
      (state.owners ?? []).map(({ path }) => path),
    ),
    ...(state.owners ?? []).flatMap(limitFaults),
  )
  return { declared, faults }
}

const policyIn = (faults: StateFault[], policy: DeclaredPolicy): DeclaredPolicy => {
  const object: ObjectName = { kind: 'policy', name: policy.name }
  faults.push(...wrong(object, () => parseName('policy', policy.name)))
  const parse = (part: Partial<DeclaredPolicy>): DeclaredPolicy => {
    const whole = { ...NO_POLICY_RULES, shadow: false, ...part, name: 'p', version: 1 }
    const { version: _version, ...draft } = parsePolicy(whole)
    return { ...draft, name: policy.name }
  }
  return fieldByField(faults, object, policy, parse)
}

const modelIn = (faults: StateFault[], model: Model): Model => {
  const object: ObjectName = { kind: 'model', name: model.name }
  faults.push(...wrong(object, () => parseModelName(model.name)))
  const parse = (part: Partial<Model>): Model => ({
    ...parseModel({ route: 'r', guardrails: [], ...part, name: 'm' }),
    name: model.name,
  })
  return fieldByField(faults, object, model, parse)
}

const ownerIn = (faults: StateFault[], owner: DeclaredOwner): DeclaredOwner => {
  const object: ObjectName = { kind: 'owner', name: owner.path }
  faults.push(...wrong(object, () => parseNewOwnerPath(owner.path)))
  const rules = fieldByField(faults, object, owner.rules, (part) => parseRules({ ...NO_RULES, ...part }))
  faults.push(
    ...wrong({ ...object }, () => labelsToColumn(owner.labels)).map((fault) => ({
      ...fault,
      field: 'labels',
    })),
  )
  return { ...owner, rules }
}

/** The whole is parsed once; only when it is wrong are its fields, and the entries of its lists, tried one by one. */
const fieldByField = <T extends object>(
  faults: StateFault[],
  object: ObjectName,
  value: T,
  parse: (part: Partial<T>) => T,
): T => {
  const words = refusal(() => parse(value))
  if (words === undefined) return parse(value)
  const tried = (field: string, content: unknown) => refusal(() => parse({ [field]: content } as Partial<T>))
  const found = Object.entries(value).flatMap(
    ([field, content]: readonly [string, unknown]): StateFault[] => {
      const wrong = tried(field, content)
      if (wrong === undefined) return []
      const entries = (Array.isArray(content) ? content : []).flatMap((entry: unknown) => {
        const why = tried(field, [entry])
        return why === undefined ? [] : [{ ...object, field, entry: String(entry), words: why }]
      })
      return entries.length > 0 ? entries : [{ ...object, field, words: wrong }]
    },
  )
  faults.push(...(found.length > 0 ? found : [{ ...object, words }]))
  return value
}

const limitFaults = ({ path, limits }: DeclaredOwner): readonly StateFault[] => {
  const named = limits.map((limit) => ({ limit, name: limitName({ ...limit, path }) }))
  const names = named.map(({ name }) => name)
  return [
    ...named.flatMap(({ limit, name }) => wrong({ kind: 'limit', name }, () => parseLimit(limit))),
    ...twice('limit', names),
    ...(names.length > MAX_LIMITS
      ? [{ kind: 'owner' as const, name: path, field: 'limits', words: tooManyLimits(names.length) }]
      : []),
  ]
}

export const tooManyLimits = (count: number): string => `has ${count} limits, more than ${MAX_LIMITS}`

const twice = (kind: ObjectKind, names: readonly string[]): readonly StateFault[] => {
  const seen = new Set<string>()
  const again = new Set<string>()
  for (const name of names) (seen.has(name) ? again : seen).add(name)
  return [...again].map((name) => ({ kind, name, words: 'is stated more than once' }))
}

const wrong = (object: ObjectName, parse: () => unknown): readonly StateFault[] => {
  const words = refusal(parse)
  return words === undefined ? [] : [{ ...object, words }]
}

const refusal = (parse: () => unknown): string | undefined => {
  try {
    parse()
    return undefined
  } catch (error) {
    if (error instanceof Rejection) return error.message
    throw error
  }
}
