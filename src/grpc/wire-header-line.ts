// One header line in the bytes of a CheckRequest: a HeaderValue, or an entry of the `headers` map.
import type { WireCursor } from './wire-cursor.ts'
import { endsMessage } from './wire-cursor.ts'

export type LineForm = 'lines' | 'map'

export type WireLine = {
  nameFrom: number
  nameTo: number
  valueFrom: number
  valueTo: number
  /** Its bytes are the value; else they are text. */
  isRaw: boolean
}

/** Reads it whole, its length first. */
export const readLine = (cursor: WireCursor, form: LineForm): WireLine => {
  const end = cursor.messageEnd()
  const line = { nameFrom: 0, nameTo: 0, valueFrom: 0, valueTo: 0, isRaw: false }
  let rawFrom = 0
  let rawTo = 0
  while (cursor.at < end) {
    const tag = cursor.varint()
    if (tag === TAG.key) {
      cursor.span()
      line.nameFrom = cursor.from
      line.nameTo = cursor.at
    } else if (tag === TAG.value) {
      cursor.span()
      line.valueFrom = cursor.from
      line.valueTo = cursor.at
    } else if (tag === TAG.rawValue && form === 'lines') {
      cursor.span()
      rawFrom = cursor.from
      rawTo = cursor.at
    } else if (endsMessage(tag)) break
    else cursor.skip(tag)
  }
  return rawTo > rawFrom ? { ...line, valueFrom: rawFrom, valueTo: rawTo, isRaw: true } : line
}

/** A short line has a name, then one value, both of less than 128 bytes: as Envoy writes nearly every line. Else 0. */
export const shortLineEnd = (bytes: Buffer, at: number, form: LineForm): number => {
  const length = bytes[at] ?? 0x80
  const nameLength = bytes[at + 2] ?? 0x80
  if (length >= 0x80 || bytes[at + 1] !== TAG.key || nameLength >= 0x80) return 0
  const end = at + 1 + length
  const nameTo = at + 3 + nameLength
  const tag = bytes[nameTo]
  if (tag !== TAG.value && (tag !== TAG.rawValue || form !== 'lines')) return 0
  const valueLength = bytes[nameTo + 1] ?? 0x80
  return valueLength < 0x80 && nameTo + 2 + valueLength === end && end <= bytes.length ? end : 0
}

/** Where the name of a short line begins. */
export const shortNameFrom = (at: number): number => at + 3

export const shortNameTo = (bytes: Buffer, at: number): number => at + 3 + shortNameLength(bytes, at)

export const shortNameLength = (bytes: Buffer, at: number): number => bytes[at + 2] ?? 0

/** Of a short line. */
export const shortLine = (bytes: Buffer, at: number): WireLine => {
  const nameTo = shortNameTo(bytes, at)
  return {
    nameFrom: shortNameFrom(at),
    nameTo,
    valueFrom: nameTo + 2,
    valueTo: at + 1 + (bytes[at] ?? 0),
    isRaw: bytes[nameTo] === TAG.rawValue,
  }
}

const TAG = { key: 10, value: 18, rawValue: 26 }
