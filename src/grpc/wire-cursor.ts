// Steps through protobuf bytes as far and as strictly as generated code does, and makes nothing of them.
// https://protobuf.dev/programming-guides/encoding
import { BinaryReader } from '@bufbuild/protobuf/wire'

/**
 * Like the generated code, a message in a message may say that it is longer than the one around it: only the end of
 * all bytes stops it, by a throw. So both take the same bytes for the same message, and refuse the same.
 */
export class WireCursor {
  readonly bytes: Buffer
  at = 0
  /** Where the content of the last `span` begins; it ends where the cursor stands then. */
  from = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  /** The lower 32 bits of a varint: a tag, a length, a number. */
  varint(): number {
    const byte = this.bytes[this.at]
    if (byte === undefined || byte >= 0x80) return this.longVarint()
    this.at += 1
    return byte
  }

  /** A string, bytes or a message, passed over. */
  span(): void {
    const length = this.varint()
    this.from = this.at
    this.move(length)
  }

  /** Where the message ends that begins here, by its own account. */
  messageEnd(): number {
    const length = this.varint()
    return this.at + length
  }

  /** All that generated code reads differently, or not at all, from the field just named. */
  skip(tag: number): void {
    const wireType = tag & 7
    if (wireType === WIRE.length) this.span()
    else if (wireType === WIRE.varint) this.skipVarint()
    else if (wireType === WIRE.fixed64) this.move(8)
    else if (wireType === WIRE.fixed32) this.move(4)
    else this.skipGroup(wireType)
  }

  /** A signed number of 64 bits; a bigint when it is negative or large. */
  int64(): number | bigint {
    let low = 0
    let high = 0
    for (let place = 0; place < MAX_VARINT; place += 1) {
      const byte = this.next()
      const bits = byte & 0x7f
      if (place <= 4) low |= bits << (7 * place)
      if (place === 4) high = bits >> 4
      if (place > 4) high |= bits << (7 * place - 32)
      if (byte >= 0x80) continue
      if (high === 0) return low >>> 0
      return BigInt.asIntN(64, (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0))
    }
    throw new Error('invalid varint')
  }

  private longVarint(): number {
    let value = 0
    for (let place = 0; place < MAX_VARINT; place += 1) {
      const byte = this.next()
      if (place < 5) value |= (byte & (place === 4 ? 0x0f : 0x7f)) << (7 * place)
      if (byte < 0x80) return value >>> 0
    }
    throw new Error('invalid varint')
  }

  /** However long it is. */
  private skipVarint(): void {
    while (this.next() >= 0x80);
  }

  /** Or what cannot be skipped. Nobody sends groups: the library knows them. */
  private skipGroup(wireType: number): void {
    const reader = new BinaryReader(this.bytes)
    reader.pos = this.at
    reader.skip(wireType)
    this.at = reader.pos
  }

  private next(): number {
    const byte = this.bytes[this.at]
    if (byte === undefined) throw new RangeError('premature EOF')
    this.at += 1
    return byte
  }

  private move(length: number): void {
    this.at += length
    if (this.at > this.bytes.length) throw new RangeError('premature EOF')
  }
}

/** Puts into `into` what `readField` knows by its tag; false: it does not know it, and read nothing. */
export const readMessage = <Into>(
  cursor: WireCursor,
  end: number,
  into: Into,
  readField: (cursor: WireCursor, tag: number, into: Into) => boolean,
): Into => {
  while (cursor.at < end) {
    const tag = cursor.varint()
    if (readField(cursor, tag, into)) continue
    if (endsMessage(tag)) break
    cursor.skip(tag)
  }
  return into
}

/** Where generated code leaves a message before its end. */
export const endsMessage = (tag: number): boolean => tag === 0 || (tag & 7) === WIRE.endGroup

const WIRE = { varint: 0, fixed64: 1, length: 2, endGroup: 4, fixed32: 5 }

const MAX_VARINT = 10
