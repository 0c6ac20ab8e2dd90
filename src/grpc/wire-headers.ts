// The header lines of a CheckRequest where they stand in its bytes: found by length, then by bytes, made text when asked for.
import type { RequestHeaders } from '../check/auth-request.ts'
import type { WireCursor } from './wire-cursor.ts'
import { endsMessage } from './wire-cursor.ts'
import { latin1At } from './wire-text.ts'

/** Names that are asked for are lower-case ASCII; those that came are compared as `toLowerCase` would make them. */
export type WireHeaders = RequestHeaders &
  Readonly<{
    isEmpty: boolean
    /** Reads a HeaderValue, or an entry of the `headers` map: its length comes next. */
    note(cursor: WireCursor): void
    /** The line of a pseudo-header that counts, or nothing. */
    last(name: string): string
  }>

/** As `lines`, every entry is a line of its own; as `map`, an entry replaces the one with the very same name. */
export const createWireHeaders = (bytes: Buffer, form: 'lines' | 'map'): WireHeaders =>
  new NotedHeaders(bytes, form)

class NotedHeaders implements WireHeaders {
  private readonly bytes: Buffer
  private readonly form: 'lines' | 'map'
  /** Four numbers for each: name from and to, value from and to; the last is negative when the value is text, not raw bytes. */
  // oxlint-disable-next-line unicorn/no-new-array -- filling it would cost what the room saves
  private readonly noted = new Array<number>(EACH * USUAL_LINES)
  private size = 0

  constructor(bytes: Buffer, form: 'lines' | 'map') {
    this.bytes = bytes
    this.form = form
  }

  get isEmpty(): boolean {
    return this.size === 0
  }

  note(cursor: WireCursor): void {
    if (!this.noteShort(cursor)) this.noteAny(cursor)
  }

  /** A name, then one value, both of less than 128 bytes: as Envoy writes nearly every line. */
  private noteShort(cursor: WireCursor): boolean {
    const { bytes, at } = cursor
    const length = bytes[at] ?? 0x80
    const nameLength = bytes[at + 2] ?? 0x80
    if (length >= 0x80 || bytes[at + 1] !== TAG.key || nameLength >= 0x80) return false
    const nameTo = at + 3 + nameLength
    const end = at + 1 + length
    const tag = bytes[nameTo]
    const isRaw = tag === TAG.rawValue && this.form === 'lines'
    if (!isRaw && tag !== TAG.value) return false
    const valueFrom = nameTo + 2
    const valueLength = bytes[nameTo + 1] ?? 0x80
    if (valueLength >= 0x80 || valueFrom + valueLength !== end || end > bytes.length) return false
    this.push(at + 3, nameTo, valueFrom, isRaw ? end : -end)
    cursor.at = end
    return true
  }

  private noteAny(cursor: WireCursor): void {
    const end = cursor.messageEnd()
    let nameFrom = 0
    let nameTo = 0
    let valueFrom = 0
    let valueTo = 0
    let rawFrom = 0
    let rawTo = 0
    while (cursor.at < end) {
      const tag = cursor.varint()
      if (tag === TAG.key) {
        cursor.span()
        nameFrom = cursor.from
        nameTo = cursor.at
      } else if (tag === TAG.value) {
        cursor.span()
        valueFrom = cursor.from
        valueTo = cursor.at
      } else if (tag === TAG.rawValue && this.form === 'lines') {
        cursor.span()
        rawFrom = cursor.from
        rawTo = cursor.at
      } else if (endsMessage(tag)) break
      else cursor.skip(tag)
    }
    if (rawTo > rawFrom) this.push(nameFrom, nameTo, rawFrom, rawTo)
    else this.push(nameFrom, nameTo, valueFrom, -valueTo)
  }

  private push(nameFrom: number, nameTo: number, valueFrom: number, valueTo: number): void {
    const { noted, size } = this
    noted[size] = nameFrom
    noted[size + 1] = nameTo
    noted[size + 2] = valueFrom
    noted[size + 3] = valueTo
    this.size = size + EACH
  }

  has(name: string): boolean {
    return this.first(name) >= 0
  }

  get(name: string): readonly string[] | undefined {
    const first = this.first(name)
    if (first < 0) return undefined
    const second = this.find(name, first + EACH)
    if (second < 0) return [this.valueAt(first)]
    return this.all(name).map((at) => this.valueAt(at))
  }

  last(name: string): string {
    const found = this.all(name).at(-1)
    return found === undefined ? '' : this.valueAt(found)
  }

  /** Pseudo-headers are no headers. */
  private first(name: string): number {
    return name.startsWith(':') ? -1 : this.find(name, 0)
  }

  private all(name: string): readonly number[] {
    const found: number[] = []
    for (let at = this.find(name, 0); at >= 0; at = this.find(name, at + EACH)) found.push(at)
    return this.form === 'lines' ? found : this.replaced(found)
  }

  /** A later entry with the same name takes the place of the earlier. */
  private replaced(found: readonly number[]): readonly number[] {
    const byName = new Map<string, number>()
    for (const at of found) byName.set(latin1At(this.bytes, this.number(at), this.number(at + 1)), at)
    return [...byName.values()]
  }

  /** The first from `start` on, or -1. */
  private find(name: string, start: number): number {
    const { bytes, size } = this
    for (let at = start; at < size; at += EACH) {
      const from = this.number(at)
      const to = this.number(at + 1)
      if (to - from >= name.length && isNamed(bytes, from, to, name)) return at
    }
    return -1
  }

  private valueAt(at: number): string {
    const from = this.number(at + 2)
    const to = this.number(at + 3)
    return to > 0 ? this.bytes.toString('latin1', from, to) : latin1At(this.bytes, from, -to)
  }

  private number(index: number): number {
    return this.noted[index] ?? 0
  }
}

const EACH = 4

/** Room from the start: to grow costs more than to read. */
const USUAL_LINES = 32

const TAG = { key: 10, value: 18, rawValue: 26 }

const KELVIN_BYTES = [0xe2, 0x84, 0xaa]

/** A name is longer than the one asked for only by the Kelvin sign, whose lower case is the letter k. */
const isNamed = (bytes: Buffer, from: number, to: number, name: string): boolean => {
  let at = from
  for (let index = 0; index < name.length; index += 1) {
    const byte = bytes[at] ?? 0
    const wanted = name.charCodeAt(index)
    if ((byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) === wanted) at += 1
    else if (wanted === 0x6b && KELVIN_BYTES.every((part, place) => bytes[at + place] === part)) at += 3
    else return false
  }
  return at === to
}
