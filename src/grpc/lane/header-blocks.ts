// The header blocks that we send: literals that enter no table, so that they are bytes prepared once. RFC 7541, 6.2.2.

/** Index in the static table of a name that is there. */
const STATUS_200 = 0x88
const NAME_INDEX: Readonly<Record<string, number>> = { ':status': 8, 'content-type': 31 }

export const headerBlock = (fields: readonly (readonly [name: string, value: string])[]): Buffer =>
  Buffer.concat(
    fields.map(([name, value]) => {
      if (name === ':status' && value === '200') return Buffer.from([STATUS_200])
      const index = NAME_INDEX[name]
      const named = index === undefined ? [Buffer.from([0]), text(name)] : [integer(4, index)]
      return Buffer.concat([...named, text(value)])
    }),
  )

/** With high bits of the first byte 0 (5.1). */
const integer = (prefixBits: number, value: number): Buffer => {
  const most = 2 ** prefixBits - 1
  if (value < most) return Buffer.from([value])
  const bytes = [most]
  let rest = value - most
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  return Buffer.from([...bytes, rest])
}

const text = (value: string): Buffer => {
  const bytes = Buffer.from(value, 'latin1')
  return Buffer.concat([integer(7, bytes.length), bytes])
}
