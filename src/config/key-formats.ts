// The setting that says which keys are recognised, and how new ones are made.
import { z } from 'zod'
import type { SecretFormat } from '../keys/secret.ts'
import { form } from './form.ts'
import { listJson, listOf } from './list-of.ts'

export const keyFormats = () =>
  form(
    'a list of key formats, each prefix:length:checksum such as lk_:39:crc32 or sk-:51:none',
    listJson(FORMAT_JSON),
    (input) => {
      const formats = listOf(input)?.map(parseKeyFormat)
      if (formats === undefined || !formats.every((format) => format !== undefined)) return undefined
      const [minting] = formats
      return minting !== undefined && randomLength(minting) >= MINTED_RANDOM_CHARACTERS ? formats : undefined
    },
  )

/** 128 bits in base62. A format that only recognises imported keys may be shorter. */
const MINTED_RANDOM_CHARACTERS = 22
/** The longest credential that a Check reads. */
const LONGEST_KEY = 512
const FORMAT_JSON = {
  anyOf: [
    { type: 'string', pattern: String.raw`^[A-Za-z0-9._-]{1,32}:\d{1,3}:(crc32|none)$` },
    {
      type: 'object',
      properties: {
        prefix: { type: 'string', pattern: '^[A-Za-z0-9._-]{1,32}$' },
        length: { type: 'integer', maximum: LONGEST_KEY },
        checksum: { enum: ['crc32', 'none'] },
      },
      required: ['prefix', 'length', 'checksum'],
      additionalProperties: false,
    },
  ],
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
