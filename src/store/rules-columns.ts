// Rules as JSON columns, and back.
import type { PolicyRules, Rules } from '../policy/policy.ts'
import { NO_POLICY_RULES, NO_RULES } from '../policy/policy.ts'
import type { Restrictions } from '../policy/restrictions.ts'
import { isUnrestricted, NO_RESTRICTIONS } from '../policy/restrictions.ts'
import type { PolicyRulesColumns, RulesColumns } from './schema.ts'

export const policyRulesToColumns = (rules: PolicyRules): PolicyRulesColumns => ({
  models: rules.models === undefined ? null : JSON.stringify(rules.models),
  denied_models: JSON.stringify(rules.deniedModels),
  guardrails: JSON.stringify(rules.guardrails),
  restrictions: restrictionsToJson(rules),
})

export const rulesToColumns = (rules: Rules): RulesColumns => ({
  ...policyRulesToColumns(rules),
  policies: JSON.stringify(rules.policies),
})

/** The same object for all that have no rules, which most keys and owners are: remembered, four lists weigh as much as the key. */
export const rulesFromColumns = (columns: RulesColumns): Rules => {
  const { models, denied_models, policies, guardrails, restrictions } = columns
  const isUnruled = [denied_models, policies, guardrails].every((list) => list === NO_LIST)
  if (models === null && restrictions === null && isUnruled) return NO_RULES
  return { ...policyRulesFromColumns(columns), policies: listFromJson(policies) }
}

export const policyRulesFromColumns = (columns: PolicyRulesColumns): PolicyRules => ({
  ...restrictionsFromJson(columns.restrictions),
  models: columns.models === null ? undefined : listFromJson(columns.models),
  deniedModels: listFromJson(columns.denied_models),
  guardrails: listFromJson(columns.guardrails),
})

const NO_LIST = '[]'

export const listFromJson = (json: string): readonly string[] =>
  json === NO_LIST ? NO_POLICY_RULES.guardrails : listFrom(JSON.parse(json))

const listFrom = (list: unknown): readonly string[] => {
  if (!Array.isArray(list) || !list.every((entry) => typeof entry === 'string'))
    throw new TypeError('a stored list is not a JSON array of strings')
  return list
}

/** As they are called in the column's object. */
const RESTRICTION_NAMES = {
  paths: 'paths',
  deniedPaths: 'denied_paths',
  networks: 'networks',
  deniedNetworks: 'denied_networks',
  hours: 'hours',
} as const satisfies Record<keyof Restrictions, string>

const restrictionsToJson = (rules: Restrictions): string | null => {
  if (isUnrestricted(rules)) return null
  const { paths, deniedPaths, networks, deniedNetworks, hours } = rules
  const denied = (list: readonly string[]) => (list.length === 0 ? undefined : list)
  // What is undefined is not written.
  return JSON.stringify({
    [RESTRICTION_NAMES.paths]: paths,
    [RESTRICTION_NAMES.deniedPaths]: denied(deniedPaths),
    [RESTRICTION_NAMES.networks]: networks,
    [RESTRICTION_NAMES.deniedNetworks]: denied(deniedNetworks),
    [RESTRICTION_NAMES.hours]: hours,
  } satisfies Record<(typeof RESTRICTION_NAMES)[keyof Restrictions], readonly string[] | undefined>)
}

/** What this program does not know was written by a newer one: to admit more than it says would be worse than to stop. */
const restrictionsFromJson = (json: string | null): Restrictions => {
  if (json === null) return NO_RESTRICTIONS
  const stored: unknown = JSON.parse(json)
  if (typeof stored !== 'object' || stored === null) throw new TypeError('stored restrictions are no object')
  const fields = new Map<string, string>(
    Object.entries(RESTRICTION_NAMES).map(([field, name]) => [name, field]),
  )
  const lists = Object.entries(stored).map(([name, list]: readonly [string, unknown]) => {
    const field = fields.get(name)
    if (field === undefined)
      throw new Error(`the store holds the restriction ${JSON.stringify(name)}, unknown here`)
    return [field, listFrom(list)] as const
  })
  return { ...NO_RESTRICTIONS, ...Object.fromEntries(lists) }
}
