// The forms a setting can take, each read from YAML, environment and flag alike.
import { form, fromText } from './form.ts'
import { parseDurationMs, parseSizeBytes } from './quantity.ts'

export const text = (expected: string, pattern: RegExp, options: { secret?: boolean } = {}) =>
  form(
    expected,
    { type: 'string', pattern: pattern.source },
    fromText((input) => (pattern.test(input) ? input : undefined)),
    options,
  )

export const choice = <T extends string>(...values: readonly T[]) =>
  form(`one of ${values.join(', ')}`, { enum: values }, (input) => values.find((value) => value === input))

/** Milliseconds. */
export const duration = (least: string, most: string) =>
  form(
    `a duration such as 500ms, 10s or 5m, from ${least} to ${most}`,
    { type: 'string', pattern: `^${DURATION}$` },
    fromText((input) =>
      within(parseDurationMs(input), known(parseDurationMs(least)), known(parseDurationMs(most))),
    ),
  )

/** Milliseconds; undefined stands for `off`. */
export const durationOrOff = (least: string, most: string) =>
  form(
    `off or a duration such as 500ms, 10s or 5m, from ${least} to ${most}`,
    { type: 'string', pattern: `^(off|${DURATION})$` },
    (input): Readonly<{ ms: number | undefined }> | undefined => {
      if (input === 'off') return { ms: undefined }
      const ms = typeof input === 'string' ? parseDurationMs(input) : undefined
      const inRange = within(ms, known(parseDurationMs(least)), known(parseDurationMs(most)))
      return inRange === undefined ? undefined : { ms: inRange }
    },
  )

/** Bytes. */
export const size = (least: string, most: string) =>
  form(
    `a size such as 64KiB or 8MiB, from ${least} to ${most}`,
    { type: 'string', pattern: String.raw`^\d{1,15}(B|kB|KiB|MB|MiB|GB|GiB)$` },
    fromText((input) =>
      within(parseSizeBytes(input), known(parseSizeBytes(least)), known(parseSizeBytes(most))),
    ),
  )

export const wholeNumber = (least: number, most: number) =>
  form(`a whole number from ${least} to ${most}`, wholeJson(least, most), (input) => {
    const value = typeof input === 'string' && /^\d{1,15}$/.test(input) ? Number(input) : input
    return typeof value === 'number' && Number.isInteger(value) ? within(value, least, most) : undefined
  })

/** undefined stands for `off`. */
export const countOrOff = (least: number, most: number) =>
  form(
    `off or a whole number from ${least} to ${most}`,
    { anyOf: [{ const: 'off' }, wholeJson(least, most)] },
    (input): Readonly<{ count: number | undefined }> | undefined => {
      if (input === 'off') return { count: undefined }
      const count = typeof input === 'string' && /^\d{1,15}$/.test(input) ? Number(input) : input
      if (typeof count !== 'number' || !Number.isInteger(count)) return undefined
      return within(count, least, most) === undefined ? undefined : { count }
    },
  )

export const rate = () =>
  form('a rate from 0 to 1', RATE_JSON, (input) => {
    const value =
      typeof input === 'string' && /^(\d(\.\d{1,6})?|\.\d{1,6})$/.test(input) ? Number(input) : input
    return typeof value === 'number' ? within(value, 0, 1) : undefined
  })

/** Whole percents, `80%`; undefined stands for `off`. */
export const percentOrOff = () =>
  form(
    'off or a percentage from 1% to 99%',
    { type: 'string', pattern: String.raw`^(off|[1-9]\d?%)$` },
    (input): Readonly<{ percent: number | undefined }> | undefined => {
      if (input === 'off') return { percent: undefined }
      const [, digits] = (typeof input === 'string' && /^([1-9]\d?)%$/.exec(input)) || []
      return digits === undefined ? undefined : { percent: Number(digits) }
    },
  )

/** Text only: YAML reads a bare 0660 as the number 660. */
export const fileMode = () =>
  form(
    'a file mode such as "0660" (in quotes)',
    { type: 'string', pattern: '^0?[0-7]{3}$' },
    fromText((input) => (/^0?[0-7]{3}$/.test(input) ? Number.parseInt(input, 8) : undefined)),
  )

const DURATION = String.raw`\d{1,15}(ms|s|m|h|d|w)`

/** In quotes it is a number too: that is how flags and variables bring it. */
const wholeJson = (minimum: number, maximum: number) => ({
  anyOf: [
    { type: 'integer', minimum, maximum },
    { type: 'string', pattern: String.raw`^\d{1,15}$` },
  ],
})

const RATE_JSON = {
  anyOf: [
    { type: 'number', minimum: 0, maximum: 1 },
    { type: 'string', pattern: String.raw`^(\d(\.\d{1,6})?|\.\d{1,6})$` },
  ],
}

const known = (bound: number | undefined): number => {
  if (bound === undefined) throw new Error('a bound is written wrongly')
  return bound
}

const within = (value: number | undefined, least: number, most: number): number | undefined =>
  value !== undefined && value >= least && value <= most ? value : undefined
