// The YAML file as JSON Schema says it, for editors: made from the same forms that read the settings.
import { factsOf } from './form.ts'
import type { SettingName } from './settings.ts'
import { defaultTextOf, settingsSchema } from './settings.ts'
import { SECRET_FILES, SETTING_NAMES } from './sources.ts'

/** Draft 7, which YAML language servers read. Bounds of durations and sizes are not in it: a description says them. */
export const settingsJsonSchema = (): Readonly<Record<string, unknown>> => ({
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'Settings of Latchkey',
  // A file with nothing but comments.
  type: ['object', 'null'],
  additionalProperties: false,
  properties: {
    ...Object.fromEntries(SETTING_NAMES.map((name) => [name, propertyOf(name)])),
    ...Object.fromEntries(
      SECRET_FILES.map(({ setting, file }) => [
        file,
        {
          description: `file that holds ${setting}, instead of the value itself`,
          type: 'string',
          minLength: 1,
        },
      ]),
    ),
  },
  allOf: SECRET_FILES.map(({ setting, file }) => ({
    not: { type: 'object', required: [setting, file] },
  })),
})

const propertyOf = (name: SettingName): Readonly<Record<string, unknown>> => {
  const usual = defaultTextOf(name)
  return {
    description: `${settingsSchema.shape[name].description}\n\nForm: ${formOf(name)}`,
    ...(usual === undefined
      ? {}
      : { default: /^\d+(\.\d+)?$/.test(usual) && name !== 'socket_mode' ? Number(usual) : usual }),
    ...factsOf(settingsSchema.shape[name]).json,
  }
}

/** What the schema says to a value of no form at all: `… is not a duration such as …`. */
export const formOf = (name: SettingName): string => {
  const { error } = settingsSchema.shape[name].safeParse({})
  return /is not (?<form>.*)$/s.exec(error?.issues[0]?.message ?? '')?.groups?.['form'] ?? ''
}
