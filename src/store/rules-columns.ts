// Rules as four JSON columns, and back.
import type { Rules } from '../policy/policy.ts'
import type { RulesColumns } from './schema.ts'

export const rulesToColumns = (rules: Rules): RulesColumns => ({
  models: rules.models === undefined ? null : JSON.stringify(rules.models),
  denied_models: JSON.stringify(rules.deniedModels),
  policies: JSON.stringify(rules.policies),
  guardrails: JSON.stringify(rules.guardrails),
})

export const rulesFromColumns = (columns: RulesColumns): Rules => ({
  models: columns.models === null ? undefined : listFromJson(columns.models),
  deniedModels: listFromJson(columns.denied_models),
  policies: listFromJson(columns.policies),
  guardrails: listFromJson(columns.guardrails),
})

export const listFromJson = (json: string): readonly string[] => {
  const list: unknown = JSON.parse(json)
  if (!Array.isArray(list) || !list.every((entry) => typeof entry === 'string'))
    throw new TypeError('a stored list is not a JSON array of strings')
  return list
}
