// What a form is: how a text or a YAML value is read as a setting, in what words a wrong one is told, and what an editor knows of it.
import { z } from 'zod'

/** As JSON Schema says it. It may admit more than `parse` does: not every rule can be said so. */
export type JsonForm = Readonly<Record<string, unknown>>

export type FormFacts = Readonly<{
  json: JsonForm
  /** Its value is shown nowhere, and may stand in a file. */
  secret: boolean
}>

const FACTS = z.registry<FormFacts>()

/** A schema that reads its input by `parse`; undefined means: not of this form. The fault shows the input unless secret. */
export const form = <T>(
  expected: string,
  json: JsonForm,
  parse: (input: unknown) => T | undefined,
  { secret = false }: { secret?: boolean } = {},
) =>
  z
    .unknown()
    .transform((input, context): T => {
      const value = parse(input)
      if (value !== undefined) return value
      const message = `${secret ? 'the value' : shown(input)} is not ${expected}`
      context.issues.push({ code: 'custom', input: undefined, message })
      return z.NEVER
    })
    .register(FACTS, { json, secret })

/** Of a setting: what stands behind its default, or behind that it may be left out. */
export const factsOf = (schema: z.core.$ZodType): FormFacts => {
  const { def } = schema._zod
  const inner = def.type === 'prefault' || def.type === 'optional' ? innerTypeOf(def) : undefined
  return inner === undefined ? (FACTS.get(schema) ?? { json: {}, secret: false }) : factsOf(inner)
}

const innerTypeOf = (def: z.core.$ZodTypeDef): z.core.$ZodType | undefined =>
  'innerType' in def && def.innerType instanceof z.core.$ZodType ? def.innerType : undefined

export const fromText =
  <T>(parse: (text: string) => T | undefined) =>
  (input: unknown): T | undefined =>
    typeof input === 'string' ? parse(input) : undefined

const MOST_SHOWN = 128

/** Nobody reads a megabyte of what he wrote wrongly. */
const shown = (input: unknown): string => {
  const text = typeof input === 'number' ? String(input) : (JSON.stringify(input) ?? 'nothing')
  return text.length <= MOST_SHOWN ? text : `${text.slice(0, MOST_SHOWN)}…`
}
