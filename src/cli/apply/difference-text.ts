// One line for each object that differs: + owner acme, ~ policy default: models [a] → [b], - model x.
import type { Difference, FieldChange } from '../../keys/declared-state.ts'
import { wireName } from './yaml-fields.ts'

export const differenceText = ({ action, kind, name, fields }: Difference): string => {
  const changes = fields.map((change) => (action === 'create' ? stated(change) : changed(change)))
  return `${SIGNS[action]} ${kind} ${name}${changes.length === 0 ? '' : `: ${changes.join(', ')}`}`
}

/** The same for machines. */
export const differenceRow = ({ action, kind, name, fields }: Difference) => ({
  action,
  kind,
  name,
  fields: fields.map(({ field, before, after }) => ({ field: wireName(field), before, after })),
})

const SIGNS = { create: '+', update: '~', delete: '-' } as const

const stated = ({ field, after }: FieldChange): string => `${wireName(field)} ${valueText(after)}`

const changed = ({ field, before, after }: FieldChange): string =>
  `${wireName(field)} ${valueText(before)} → ${valueText(after)}`

const valueText = (value: unknown): string => {
  if (value === undefined) return 'unset'
  if (Array.isArray(value)) return `[${value.join(', ')}]`
  return typeof value === 'string' ? value : JSON.stringify(value)
}
