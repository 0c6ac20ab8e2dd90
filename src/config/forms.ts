// The forms a setting can take, each read from YAML, environment and flag alike.
import { z } from 'zod'
import type { SecretFormat } from '../keys/secret.ts'
import { parseDurationMs, parseSizeBytes } from './quantity.ts'

/** A schema that reads its input by `parse`; undefined means: not of this form. The fault shows the input unless secret. */
const form = <T>(
  expected: string,
  parse: (input: unknown) => T | undefined,
  options: { secret?: boolean } = {},
) =>
  z.unknown().transform((input, context): T => {
    const value = parse(input)
    if (value !== undefined) return value
    const shown = options.secret === true ? 'the value' : JSON.stringify(input)
    context.issues.push({ code: 'custom', input: undefined, message: `${shown} is not ${expected}` })
    return z.NEVER
  })

const fromText =
  <T>(parse: (text: string) => T | undefined) =>
  (input: unknown): T | undefined =>
    typeof input === 'string' ? parse(input) : undefined

export const text = (expected: string, pattern: RegExp, options: { secret?: boolean } = {}) =>
  form(
    expected,
    fromText((input) => (pattern.test(input) ? input : undefined)),
    options,
  )

export const choice = <T extends string>(...values: readonly T[]) =>
  form(`one of ${values.join(', ')}`, (input) => values.find((value) => value === input))

/** Milliseconds. */
export const duration = (least: string, most: string) =>
  form(
    `a duration such as 500ms, 10s or 5m, from ${least} to ${most}`,
    fromText((input) =>
      within(parseDurationMs(input), known(parseDurationMs(least)), known(parseDurationMs(most))),
    ),
  )

/** Milliseconds; undefined stands for `off`. */
export const durationOrOff = (least: string, most: string) =>
  form(
    `off or a duration such as 500ms, 10s or 5m, from ${least} to ${most}`,
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
    fromText((input) =>
      within(parseSizeBytes(input), known(parseSizeBytes(least)), known(parseSizeBytes(most))),
    ),
  )

export const wholeNumber = (least: number, most: number) =>
  form(`a whole number from ${least} to ${most}`, (input) => {
    const value = typeof input === 'string' && /^\d{1,15}$/.test(input) ? Number(input) : input
    return typeof value === 'number' && Number.isInteger(value) ? within(value, least, most) : undefined
  })

/** undefined stands for `off`. */
export const countOrOff = (least: number, most: number) =>
  form(
    `off or a whole number from ${least} to ${most}`,
    (input): Readonly<{ count: number | undefined }> | undefined => {
      if (input === 'off') return { count: undefined }
      const count = typeof input === 'string' && /^\d{1,15}$/.test(input) ? Number(input) : input
      if (typeof count !== 'number' || !Number.isInteger(count)) return undefined
      return within(count, least, most) === undefined ? undefined : { count }
    },
  )

export const rate = () =>
  form('a rate from 0 to 1', (input) => {
    const value =
      typeof input === 'string' && /^(\d(\.\d{1,6})?|\.\d{1,6})$/.test(input) ? Number(input) : input
    return typeof value === 'number' ? within(value, 0, 1) : undefined
  })

/** Whole percents, `80%`; undefined stands for `off`. */
export const percentOrOff = () =>
  form(
    'off or a percentage from 1% to 99%',
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
    fromText((input) => (/^0?[0-7]{3}$/.test(input) ? Number.parseInt(input, 8) : undefined)),
  )

/** Lower case, so that a header's name is compared as Envoy sends it. */
export const headerName = () => form('a header name', fromText(parseHeaderName))

/** One that Latchkey sets for the model server under a name of the operator's. */
export const upstreamHeaderName = () =>
  form(
    'the name of a header that Latchkey may set: letters, digits and dashes, none that HTTP, Envoy or providers use themselves',
    fromText((input) => {
      const name = parseHeaderName(input)
      return name !== undefined && PLAIN_NAME.test(name) && !TAKEN_NAME.test(name) ? name : undefined
    }),
  )

const PLAIN_NAME = /^[a-z0-9][a-z0-9-]*$/
const TAKEN_NAME =
  /^(x-envoy-.*|x-forwarded-.*|x-request-id|x-ratelimit-.*|content-.*|accept.*|authorization|connection|cookie|date|expect|forwarded|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|user-agent|via|traceparent|tracestate)$/

export const headerNames = () =>
  form('a list of different header names', (input) => {
    const names = listOf(input)?.map((name) => (typeof name === 'string' ? parseHeaderName(name) : undefined))
    if (names === undefined || names.length === 0 || new Set(names).size < names.length) return undefined
    return names.every((name) => name !== undefined) ? names : undefined
  })

/** Compared as they are: no wildcards, and a URI with its scheme. */
export const clientNames = () =>
  form('a list of DNS names and URIs such as envoy.example or spiffe://example/envoy', (input) => {
    const names = listOf(input)?.map((name) =>
      typeof name === 'string' && (DNS_NAME.test(name) || URI.test(name)) ? name : undefined,
    )
    return names !== undefined && names.length > 0 && names.every((name) => name !== undefined)
      ? names
      : undefined
  })

export const keyFormats = () =>
  form('a list of key formats, each prefix:length:checksum such as lk_:39:crc32 or sk-:51:none', (input) => {
    const formats = listOf(input)?.map(parseKeyFormat)
    if (formats === undefined || !formats.every((format) => format !== undefined)) return undefined
    const [minting] = formats
    return minting !== undefined && randomLength(minting) >= MINTED_RANDOM_CHARACTERS ? formats : undefined
  })

/** 128 bits in base62. A format that only recognises imported keys may be shorter. */
const MINTED_RANDOM_CHARACTERS = 22
/** The longest credential that a Check reads. */
const LONGEST_KEY = 512
const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]{1,128}$/

const DNS_NAME = /^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$/
const URI = /^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$/

const known = (bound: number | undefined): number => {
  if (bound === undefined) throw new Error('a bound is written wrongly')
  return bound
}

const within = (value: number | undefined, least: number, most: number): number | undefined =>
  value !== undefined && value >= least && value <= most ? value : undefined

const parseHeaderName = (input: string): string | undefined => {
  const name = input.toLowerCase()
  // Names that we set ourselves can never be something a client brings.
  return HEADER_NAME.test(name) && !name.startsWith('x-latchkey-') && name !== 'host' ? name : undefined
}

const listOf = (input: unknown): readonly unknown[] | undefined => {
  if (typeof input === 'string') return input.split(',').map((item) => item.trim())
  return Array.isArray(input) ? Array.from<unknown>(input) : undefined
}

const keyFormat = z.strictObject({
  prefix: z.string().regex(/^[A-Za-z0-9._-]{1,32}$/),
  length: z.coerce.number().int().max(LONGEST_KEY),
  checksum: z.enum(['crc32', 'none']),
})

const parseKeyFormat = (input: unknown): SecretFormat | undefined => {
  const [prefix, length, checksum, ...more] = typeof input === 'string' ? input.split(':') : []
  if (more.length > 0) return undefined
  const parsed = keyFormat.safeParse(typeof input === 'string' ? { prefix, length, checksum } : input)
  return parsed.success && randomLength(parsed.data) >= 1 ? parsed.data : undefined
}

const randomLength = ({ prefix, length, checksum }: SecretFormat): number =>
  length - prefix.length - (checksum === 'crc32' ? 6 : 0)
