// A list: of YAML as it is, of a flag or a variable the items between commas.
import type { JsonForm } from './form.ts'

export const listOf = (input: unknown): readonly unknown[] | undefined => {
  if (typeof input === 'string') return input.split(',').map((item) => item.trim())
  return Array.isArray(input) ? Array.from<unknown>(input) : undefined
}

/** The same for editors; the items between commas are not looked at. */
export const listJson = (item: JsonForm): JsonForm => ({
  anyOf: [{ type: 'string' }, { type: 'array', items: item, minItems: 1, uniqueItems: true }],
})
