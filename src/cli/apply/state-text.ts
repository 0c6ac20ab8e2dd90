// What a store holds as the YAML that apply reads. A field that is as it would be anyway is left out.
import { Document, isScalar, visit } from 'yaml'
import type { StoredState } from '../../keys/declared-state.ts'
import { FIELD_DEFAULTS } from '../../keys/declared-state.ts'
import { isSame } from '../../keys/state-plan.ts'
import type { LimitDraft } from '../../quota/limit-book.ts'
import { wireName } from './yaml-fields.ts'

export const stateText = ({ guardrails, policies, models, owners }: StoredState): string => {
  const document = new Document({
    guardrails,
    policies: policies.map(stated),
    models: models.map(stated),
    owners: owners.map(({ path, disabled, rules, limits, ...more }) =>
      stated({ path, disabled, ...more, ...rules, limits: limits.map(limitText) }),
    ),
  })
  // Lists of words take one line.
  visit(document, {
    Seq: (_key, list) => {
      if (list.items.every((item) => isScalar(item))) list.flow = true
    },
  })
  return document.toString({ lineWidth: 120, flowCollectionPadding: false })
}

const stated = (object: object): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(object)
      .filter(([field, value]) => !isSame(value, FIELD_DEFAULTS[field]))
      .map(([field, value]) => [wireName(field), value]),
  )

/** With the zone of a total too, which people need not see: two totals may differ in nothing else. */
const limitText = ({ unit, amount, period, zone }: LimitDraft): string =>
  `${unit}=${amount}/${period}${zone === 'UTC' ? '' : `@${zone}`}`
