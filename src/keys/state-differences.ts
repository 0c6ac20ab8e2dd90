// A plan told object by object and field by field, in the order in which it is carried out.
import type { Applied, Difference, FieldChange, ObjectKind, ObjectName } from './declared-state.ts'
import { FIELD_DEFAULTS } from './declared-state.ts'
import type { Changes, Plan } from './state-plan.ts'
import { guardrailName, isSame, limitName, modelName, ownerName, policyName } from './state-plan.ts'

export const toldPlan = (plan: Plan): Applied => {
  const sections = [
    told('guardrail', plan.guardrails, guardrailName),
    told('policy', plan.policies, policyName),
    told('model', plan.models, modelName),
    told('owner', plan.owners, ownerName),
    told('limit', plan.limits, limitName),
  ]
  return {
    differences: [
      ...sections.flatMap(({ written }) => written),
      ...sections.toReversed().flatMap(({ deleted }) => deleted),
    ],
    left: sections.flatMap(({ left }) => left),
  }
}

type Told = Readonly<{
  written: readonly Difference[]
  deleted: readonly Difference[]
  left: readonly ObjectName[]
}>

const told = <T extends object>(
  kind: ObjectKind,
  changes: Changes<T>,
  nameOf: (object: T) => string,
): Told => ({
  written: [
    ...changes.create.map((after) => ({
      action: 'create' as const,
      kind,
      name: nameOf(after),
      fields: stated(fieldsOf(after)),
    })),
    ...changes.update.map(({ before, after }) => ({
      action: 'update' as const,
      kind,
      name: nameOf(after),
      fields: changed(fieldsOf(before), fieldsOf(after)),
    })),
  ],
  deleted: changes.delete.map((before) => ({
    action: 'delete' as const,
    kind,
    name: nameOf(before),
    fields: [],
  })),
  left: changes.left.map((object) => ({ kind, name: nameOf(object) })),
})

type Fields = Readonly<Record<string, unknown>>

/** What names the object is no field of it. Rules are fields like the others. */
const NAMING: readonly string[] = ['name', 'path', 'unit', 'period', 'zone']

const fieldsOf = (object: object): Fields =>
  Object.fromEntries(
    Object.entries(object)
      .flatMap(([field, value]: readonly [string, unknown]) =>
        field === 'rules' && typeof value === 'object' && value !== null
          ? Object.entries(value)
          : [[field, value] as const],
      )
      .filter(([field]) => !NAMING.includes(field)),
  )

const changed = (before: Fields, after: Fields): readonly FieldChange[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .map((field) => ({ field, before: before[field], after: after[field] }))
    .filter((change) => !isSame(change.before, change.after))

const stated = (after: Fields): readonly FieldChange[] =>
  Object.entries(after)
    .filter(([field, value]) => !isSame(value, FIELD_DEFAULTS[field]))
    .map(([field, value]) => ({ field, before: undefined, after: value }))
