// The header lines of a CheckRequest where they stand in its bytes: found by length, then by bytes, made text when asked for.
import type { RequestHeaders } from '../check/auth-request.ts'
import type { WireCursor } from './wire-cursor.ts'
import type { LineForm, WireLine } from './wire-header-line.ts'
import { readLine, shortLine, shortLineEnd, shortNameFrom, shortNameLength } from './wire-header-line.ts'
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
export const createWireHeaders = (bytes: Buffer, form: LineForm): WireHeaders => new NotedHeaders(bytes, form)

class NotedHeaders implements WireHeaders {
  private readonly bytes: Buffer
  private readonly form: LineForm
  /**
   * One small number for each: where a short line begins and how long its name is, or the complement of a place in `others`. What
   * else there is to know of a short line is read again, since a request holds this for as long as it waits.
   */
  // oxlint-disable-next-line unicorn/no-new-array -- filling it would cost what the room saves
  private readonly noted = new Array<number>(USUAL_LINES)
  private size = 0
  /** Bits for the names of short lines, by length and first byte, and by length and last: most names that are asked for are not there. */
  private heads = 0
  private tails = 0
  private others: WireLine[] | undefined

  constructor(bytes: Buffer, form: LineForm) {
    this.bytes = bytes
    this.form = form
  }

  get isEmpty(): boolean {
    return this.size === 0
  }

  note(cursor: WireCursor): void {
    const { at } = cursor
    const end = at < SHORT_LINES_END ? shortLineEnd(cursor.bytes, at, this.form) : 0
    if (end > 0) {
      cursor.at = end
      const { bytes } = cursor
      const nameLength = shortNameLength(bytes, at)
      const nameFrom = shortNameFrom(at)
      this.noted[this.size] = (at << NAME_LENGTH_BITS) | nameLength
      this.heads |= bitOf(nameLength, bytes[nameFrom] ?? 0)
      this.tails |= bitOf(nameLength, bytes[nameFrom + nameLength - 1] ?? 0)
    } else {
      this.heads = EVERY_BIT
      this.tails = EVERY_BIT
      this.others ??= []
      this.noted[this.size] = -this.others.push(readLine(cursor, this.form))
    }
    this.size += 1
  }

  has(name: string): boolean {
    return this.first(name) >= 0
  }

  get(name: string): readonly string[] | undefined {
    const first = this.first(name)
    if (first < 0) return undefined
    const second = this.find(name, first + 1)
    if (second < 0) return [this.valueAt(first)]
    return this.all(name).map((index) => this.valueAt(index))
  }

  last(name: string): string {
    const found = this.all(name).at(-1)
    return found === undefined ? '' : this.valueAt(found)
  }

  /** Pseudo-headers are no headers. */
  private first(name: string): number {
    if (name.startsWith(':')) return -1
    const sought = soughtFor(name)
    const mayBeHere = (this.heads & sought.heads) !== 0 && (this.tails & sought.tails) !== 0
    return mayBeHere ? this.find(name, 0, sought) : -1
  }

  private all(name: string): readonly number[] {
    const found: number[] = []
    for (let index = this.find(name, 0); index >= 0; index = this.find(name, index + 1)) found.push(index)
    return this.form === 'lines' ? found : this.replaced(found)
  }

  /** A later entry with the same name takes the place of the earlier. */
  private replaced(found: readonly number[]): readonly number[] {
    const byName = new Map<string, number>()
    for (const index of found) {
      const { nameFrom, nameTo } = this.lineAt(index)
      byName.set(latin1At(this.bytes, nameFrom, nameTo), index)
    }
    return [...byName.values()]
  }

  /** The first from `start` on, or -1. */
  private find(name: string, start: number, { longest }: Sought = soughtFor(name)): number {
    const { bytes, noted, size } = this
    for (let index = start; index < size; index += 1) {
      const note = noted[index] ?? 0
      if (note >= 0) {
        const length = note & NAME_LENGTH_MASK
        if (length < name.length || length > longest) continue
        const from = shortNameFrom(note >> NAME_LENGTH_BITS)
        if (isNamed(bytes, from, from + length, name)) return index
      } else {
        const { nameFrom, nameTo } = this.lineAt(index)
        if (isNamed(bytes, nameFrom, nameTo, name)) return index
      }
    }
    return -1
  }

  private valueAt(index: number): string {
    const { valueFrom, valueTo, isRaw } = this.lineAt(index)
    if (isRaw) return this.bytes.toString('latin1', valueFrom, valueTo)
    return latin1At(this.bytes, valueFrom, valueTo)
  }

  private lineAt(index: number): WireLine {
    const note = this.noted[index] ?? 0
    if (note >= 0) return shortLine(this.bytes, note >> NAME_LENGTH_BITS)
    return this.others?.[~note] ?? NO_LINE
  }
}

const EVERY_BIT = -1

/** The case of a letter is left out. */
const bitOf = (length: number, byte: number): number => 1 << (length * 5 + (byte & 0x1f))

/** What to look for, worked out once for each name: those that are asked for are fixed when the program starts. */
type Sought = Readonly<{ heads: number; tails: number; longest: number }>

const soughtFor = (name: string): Sought => sought.get(name) ?? learn(name)

const sought = new Map<string, Sought>()

const learn = (name: string): Sought => {
  const longest = longestOf(name)
  let heads = 0
  let tails = 0
  for (let length = name.length; length <= longest; length += 2) {
    heads |= bitOf(length, name.charCodeAt(0))
    tails |= bitOf(length, name.charCodeAt(name.length - 1))
    if (name.startsWith('k')) heads |= bitOf(length, KELVIN_BYTES[0])
    if (name.endsWith('k')) tails |= bitOf(length, KELVIN_BYTES[2])
  }
  // A line without a name has no byte of its own.
  const found = name === '' ? { heads: EVERY_BIT, tails: EVERY_BIT, longest } : { heads, tails, longest }
  sought.set(name, found)
  return found
}

/** A short name has less than 128 bytes, and both numbers together stay small enough to need no memory of their own. */
const NAME_LENGTH_BITS = 7
const NAME_LENGTH_MASK = 0x7f
const SHORT_LINES_END = 2 ** (30 - NAME_LENGTH_BITS)

const NO_LINE: WireLine = { nameFrom: 0, nameTo: 0, valueFrom: 0, valueTo: 0, isRaw: false }

/** Room from the start: to grow costs more than to read. */
const USUAL_LINES = 32

const KELVIN_BYTES = [0xe2, 0x84, 0xaa] as const

/** Bytes that this name may have come in: each k may have been the Kelvin sign, which is two bytes longer. */
const longestOf = (name: string): number => {
  let longest = name.length
  for (let at = name.indexOf('k'); at >= 0; at = name.indexOf('k', at + 1)) longest += 2
  return longest
}

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
