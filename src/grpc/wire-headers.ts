// The header lines of a CheckRequest where they stand in its bytes: found by length, then by bytes, made text when asked for.
import type { RequestHeaders } from '../check/auth-request.ts'
import type { WireCursor } from './wire-cursor.ts'
import type { LineForm, WireLine } from './wire-header-line.ts'
import {
  readLine,
  shortLine,
  shortLineEnd,
  shortNameFrom,
  shortNameLength,
  shortNameTo,
} from './wire-header-line.ts'
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
   * One number for each: where a short line begins, or the complement of a place in `others`. What else there is to know
   * of a short line is read again, since a request holds this for as long as it waits.
   */
  // oxlint-disable-next-line unicorn/no-new-array -- filling it would cost what the room saves
  private readonly noted = new Array<number>(USUAL_LINES)
  private size = 0
  /** A bit for each length of a short line's name, by its last five bits: most names that are asked for are not there. */
  private lengths = 0
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
    const end = shortLineEnd(cursor.bytes, at, this.form)
    if (end > 0) {
      cursor.at = end
      this.noted[this.size] = at
      this.lengths |= 1 << shortNameLength(cursor.bytes, at)
    } else {
      this.lengths = EVERY_LENGTH
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
    // A k may have come as the Kelvin sign, which is longer.
    const mayBeThere = (this.lengths & (1 << name.length)) !== 0 || name.includes('k')
    return mayBeThere ? this.find(name, 0) : -1
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
  private find(name: string, start: number): number {
    const { bytes, noted, size } = this
    for (let index = start; index < size; index += 1) {
      const at = noted[index] ?? 0
      if (at >= 0) {
        const from = shortNameFrom(at)
        const to = shortNameTo(bytes, at)
        if (to - from >= name.length && isNamed(bytes, from, to, name)) return index
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
    const at = this.noted[index] ?? 0
    if (at >= 0) return shortLine(this.bytes, at)
    return this.others?.[~at] ?? NO_LINE
  }
}

const EVERY_LENGTH = -1

const NO_LINE: WireLine = { nameFrom: 0, nameTo: 0, valueFrom: 0, valueTo: 0, isRaw: false }

/** Room from the start: to grow costs more than to read. */
const USUAL_LINES = 32

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
