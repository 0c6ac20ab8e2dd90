// Looks for the top-level member `model` of a JSON body: one strict pass over the bytes that makes no value of them.
import { endOfScalar, endOfSpace } from './json-scalar.ts'
import { endOfString, isPlain, QUOTE, stringAt } from './json-string.ts'

/** Undefined when the bytes are no JSON. */
export type FoundModel = Readonly<{
  /** Otherwise the value is a list, a string, a number or a literal. */
  isObject: boolean
  /** The top-level members whose name is `model`, in any case and however escaped. */
  count: number
  /** The last one's name, unescaped, and where its value begins. */
  name: string
  valueAt: number
}>

/**
 * Takes exactly the bytes that JSON.parse takes behind a fatal decoder of UTF-8 that keeps a byte order mark. A level of
 * depth costs one bit, and no stack.
 */
export const findModel = (bytes: Buffer): FoundModel | undefined => {
  const search = new ModelSearch(bytes)
  return search.isJson() ? search : undefined
}

class ModelSearch implements FoundModel {
  isObject = false
  count = 0
  name = ''
  valueAt = 0
  private readonly bytes: Buffer
  private depth = 0
  /** The innermost levels, a bit for each, 1 for an object; what does not fit waits in `outer`. */
  private levels = 0
  private outer: number[] | undefined

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  isJson(): boolean {
    const { bytes } = this
    let at = endOfSpace(bytes, 0)
    this.isObject = bytes[at] === OPEN_BRACE
    do {
      at = this.endOfInnermost(at)
      if (at === -1) return false
      at = this.nextValue(endOfSpace(bytes, at))
      if (at === -1) return false
    } while (this.depth > 0)
    return at === bytes.length
  }

  /** Enters what opens here, down to the first value that holds no other; behind that one, or -1. */
  private endOfInnermost(from: number): number {
    const { bytes } = this
    let at = from
    while (at !== -1) {
      const byte = bytes[at]
      if (byte === QUOTE) return endOfString(bytes, at)
      if (byte !== OPEN_BRACE && byte !== OPEN_BRACKET) return endOfScalar(bytes, at)
      const inside = endOfSpace(bytes, at + 1)
      if (bytes[inside] === byte + TO_CLOSING) return inside + 1
      this.enter(byte === OPEN_BRACE ? 1 : 0)
      at = byte === OPEN_BRACE ? this.valueOfMember(inside) : inside
    }
    return -1
  }

  /** Leaves what closes here; the next value behind a comma, or the end of the outermost one, or -1. */
  private nextValue(from: number): number {
    const { bytes } = this
    let at = from
    while (this.depth > 0) {
      const byte = bytes[at]
      const inObject = (this.levels & 1) === 1
      if (byte === COMMA) {
        const next = endOfSpace(bytes, at + 1)
        return inObject ? this.valueOfMember(next) : next
      }
      if (byte !== (inObject ? OPEN_BRACE : OPEN_BRACKET) + TO_CLOSING) return -1
      this.leave()
      at = endOfSpace(bytes, at + 1)
    }
    return at
  }

  /** Where the value of the member begins whose name begins here, or -1. */
  private valueOfMember(at: number): number {
    const { bytes } = this
    const end = bytes[at] === QUOTE ? endOfString(bytes, at) : -1
    if (end === -1) return -1
    const colon = endOfSpace(bytes, end)
    if (bytes[colon] !== COLON) return -1
    const value = endOfSpace(bytes, colon + 1)
    const name = this.depth === 1 ? spellingAt(bytes, at, end) : undefined
    if (name !== undefined) {
      this.count += 1
      this.name = name
      this.valueAt = value
    }
    return value
  }

  private enter(kind: number): void {
    if (this.depth > 0 && this.depth % LEVELS === 0) {
      this.outer ??= []
      this.outer.push(this.levels)
    }
    this.levels = ((this.levels << 1) | kind) & ALL_LEVELS
    this.depth += 1
  }

  private leave(): void {
    this.depth -= 1
    this.levels = this.depth > 0 && this.depth % LEVELS === 0 ? (this.outer?.pop() ?? 0) : this.levels >> 1
  }
}

/** A name that is `model` in any case; no letter outside ASCII is an m, o, d, e or l in lower case. */
const spellingAt = (bytes: Buffer, open: number, end: number): string | undefined => {
  const length = end - open - 2
  if (length === MODEL.length) {
    if (!isModel(bytes, open + 1, ANY_CASE)) return undefined
    return isModel(bytes, open + 1, 0) ? 'model' : stringAt(bytes, open)
  }
  // Longer only by escapes, from one letter's, as in \u006dodel, to all five's.
  if (length < 10 || length > 30 || isPlain(bytes, open + 1, end - 1)) return undefined
  const name = stringAt(bytes, open)
  return name?.toLowerCase() === 'model' ? name : undefined
}

const isModel = (bytes: Buffer, from: number, added: number): boolean => {
  for (let nth = 0; nth < MODEL.length; nth += 1)
    if (((bytes[from + nth] ?? 0) | added) !== MODEL[nth]) return false
  return true
}

/** Makes a capital letter small. */
const ANY_CASE = 0x20
const MODEL = Buffer.from('model')

const OPEN_BRACKET = 0x5b
const OPEN_BRACE = 0x7b
/** From either opening bracket. */
const TO_CLOSING = 2
const COMMA = 0x2c
const COLON = 0x3a

/** As many as a small integer holds. */
const LEVELS = 30
const ALL_LEVELS = 2 ** LEVELS - 1
