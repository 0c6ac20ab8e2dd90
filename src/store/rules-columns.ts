// Rules as four JSON columns, and back.
import type { Rules } from '../policy/policy.ts'
import { NO_RULES } from '../policy/policy.ts'
import type { RulesColumns } from './schema.ts'

export const rulesToColumns = (rules: Rules): RulesColumns => ({
  models: rules.models === undefined ? null : JSON.stringify(rules.models),
  denied_models: JSON.stringify(rules.deniedModels),
  policies: JSON.stringify(rules.policies),
  guardrails: JSON.stringify(rules.guardrails),
})

/** The same object for all that have no rules, which most keys and owners are: remembered, four lists weigh as much as the key. */
export const rulesFromColumns = (columns: RulesColumns): Rules => {
  const { models, denied_models, policies, guardrails } = columns
  if (models === null && [denied_models, policies, guardrails].every((list) => list === NO_LIST))
    return NO_RULES
  return {
    models: models === null ? undefined : listFromJson(models),
    deniedModels: listFromJson(denied_models),
    policies: listFromJson(policies),
    guardrails: listFromJson(guardrails),
  }
}

const NO_LIST = '[]'

export const listFromJson = (json: string): readonly string[] => {
  if (json === NO_LIST) return NO_RULES.policies
  const list: unknown = JSON.parse(json)
  if (!Array.isArray(list) || !list.every((entry) => typeof entry === 'string'))
    throw new TypeError('a stored list is not a JSON array of strings')
  return list
}
