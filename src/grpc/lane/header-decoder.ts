// Header blocks to fields, with the table that the peer fills. RFC 7541, sections 3 to 6.
import { ConnectionError, ERROR } from './frame.ts'
import { decodeHuffman } from './huffman.ts'
import type { Field } from './static-table.ts'
import { STATIC_TABLE } from './static-table.ts'

export type HeaderDecoder = Readonly<{
  /** Whole blocks, in the order in which they came. Throws ConnectionError compression. */
  decode(block: Uint8Array): readonly Field[]
  /** Grows with each change of the table: a block that came before means the same only while this is the same. */
  generation(): number
}>

/** What a field costs in the table beyond its characters (4.1). */
const FIELD_OVERHEAD = 32

/** `maxTableBytes` is what we told the peer that its table may take. */
export const createHeaderDecoder = (maxTableBytes: number): HeaderDecoder => {
  /** The newest last: its index is the lowest. */
  const table: Field[] = []
  let tableBytes = 0
  let limitBytes = maxTableBytes
  let generation = 0
  let bytes: Uint8Array = new Uint8Array()
  let at = 0

  const fail = (what: string): never => {
    throw new ConnectionError(ERROR.compression, `a header block ${what}`)
  }

  /** 5.1: more than fits in the prefix goes on seven bits a byte. */
  const readInteger = (prefixBits: number): number => {
    const most = 2 ** prefixBits - 1
    let value = (bytes[at] ?? fail('ends early')) & most
    at += 1
    if (value < most) return value
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at] ?? fail('ends within a number')
      at += 1
      value += (byte & 0x7f) * 2 ** shift
      if (value > 0xfff_ffff || shift > 28) return fail('has a number that is too large')
      if (byte < 0x80) return value
    }
  }

  const readString = (): string => {
    const isHuffman = ((bytes[at] ?? fail('ends early')) & 0x80) !== 0
    const length = readInteger(7)
    const from = at
    at += length
    if (at > bytes.length) return fail('ends within a string')
    if (isHuffman) return decodeHuffman(bytes, from, at) ?? fail('has a string that is no Huffman code')
    return Buffer.from(bytes.buffer, bytes.byteOffset + from, length).toString('latin1')
  }

  const fieldAt = (index: number): Field =>
    (index <= STATIC_TABLE.length
      ? STATIC_TABLE[index - 1]
      : table[table.length - (index - STATIC_TABLE.length)]) ?? fail('names a field that is in no table')

  const evict = () => {
    let evicted = 0
    while (tableBytes > limitBytes) {
      const [name, value] = table[evicted] ?? fail('broke the table')
      tableBytes -= name.length + value.length + FIELD_OVERHEAD
      evicted += 1
    }
    table.splice(0, evicted)
  }

  const add = (field: Field) => {
    generation += 1
    tableBytes += field[0].length + field[1].length + FIELD_OVERHEAD
    table.push(field)
    // One that is larger than the table empties it, itself included (4.4).
    evict()
  }

  const readLiteral = (prefixBits: number): Field => {
    const index = readInteger(prefixBits)
    const name = index === 0 ? readString() : fieldAt(index)[0]
    return [name, readString()]
  }

  const resize = () => {
    const size = readInteger(5)
    if (size > maxTableBytes) fail('wants a larger table than it may have')
    generation += 1
    limitBytes = size
    evict()
  }

  return {
    decode(block) {
      bytes = block
      at = 0
      const fields: Field[] = []
      while (at < block.length) {
        const first = block[at] ?? 0
        if (first >= 0x80) fields.push(fieldAt(readInteger(7)))
        else if (first >= 0x40) {
          const field = readLiteral(6)
          add(field)
          fields.push(field)
        } else if (first >= 0x20) {
          // Only at the beginning (4.2).
          if (fields.length > 0) fail('changes the table within')
          resize()
        } else fields.push(readLiteral(4))
      }
      return fields
    },
    generation: () => generation,
  }
}
