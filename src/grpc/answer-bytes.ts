// Protobuf as strings in which each character is one byte: joined for next to nothing, and written into a Buffer at once.
import { assertSendable } from './header-options.ts'

/** Field numbers as they stand on the wire, with the type of what follows: mostly bytes behind their length. */
export const TAG = {
  response: {
    status: '\n',
    deniedResponse: '\x12',
    okResponse: '\x1a',
    dynamicMetadata: '"',
    errorResponse: '*',
  },
  status: { code: '\b', message: '\x12' },
  okResponse: { headers: '\x12', headersToRemove: '*', responseHeadersToAdd: '2' },
  deniedResponse: { status: '\n', headers: '\x12', body: '\x1a' },
  httpStatus: { code: '\b' },
  headerValueOption: { header: '\n' },
  headerValue: { key: '\n', value: '\x12' },
  struct: { fields: '\n' },
  entry: { key: '\n', value: '\x12' },
  value: { number: '\x11', string: '\x1a', struct: '*' },
} as const

/** https://protobuf.dev/programming-guides/encoding/#varints, of what is not negative. */
export const varint = (value: number): string => {
  let rest = value
  let bytes = ''
  for (; rest > 0x7f; rest >>>= 7) bytes += byte((rest & 0x7f) | 0x80)
  return bytes + byte(rest)
}

/** The same into bytes that have room for it. */
export const writeVarint = (value: number, into: Buffer, at: number): void => {
  let rest = value
  let place = at
  for (; rest > 0x7f; rest >>>= 7) into[place++] = (rest & 0x7f) | 0x80
  into[place] = rest
}

export const varintLength = (value: number): number => {
  let length = 1
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) length += 1
  return length
}

/** `bytes` with their tag and their length. */
export const field = (tag: string, bytes: string): string => tag + varint(bytes.length) + bytes

export const utf8 = (text: string): string => Buffer.from(text).toString('latin1')

/** A HeaderValueOption that overwrites, as `overwriting` makes it; throws as that does. */
export const overwritingHeader = (tag: string, name: string, value: string): string => {
  assertSendable(name, value)
  const key = field(TAG.headerValue.key, name)
  const header = field(TAG.headerValueOption.header, key + field(TAG.headerValue.value, value))
  return field(tag, header + OVERWRITE)
}

/** What a Struct may hold here. */
export type StructValue = string | number | Readonly<{ [name: string]: StructValue }>

/** An entry of a Struct. */
export const structEntry = (name: string, value: StructValue): string =>
  field(TAG.struct.fields, field(TAG.entry.key, utf8(name)) + field(TAG.entry.value, valueBytes(value)))

const valueBytes = (value: StructValue): string => {
  if (typeof value === 'string') return field(TAG.value.string, utf8(value))
  if (typeof value === 'number') return TAG.value.number + double(value)
  const entries = Object.entries(value).map(([name, inner]) => structEntry(name, inner))
  return field(TAG.value.struct, entries.join(''))
}

const double = (value: number): string => {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeDoubleLE(value)
  return bytes.toString('latin1')
}

const BYTES = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code))
const byte = (code: number): string => BYTES[code] ?? ''

/** `append` a BoolValue that is false, `append_action` OVERWRITE_IF_EXISTS_OR_ADD. */
export const OVERWRITE = '\x12\0\x18\x02'
