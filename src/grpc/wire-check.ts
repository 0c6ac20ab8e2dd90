// Where in the bytes of a CheckRequest the things stand that a decision may ask for; nothing else is kept of them.
import type { WireCursor } from './wire-cursor.ts'
import { readMessage } from './wire-cursor.ts'
import type { WireHeaders } from './wire-headers.ts'
import { createWireHeaders } from './wire-headers.ts'

/** Reads a whole message; throws where the generated code would. A message that comes again replaces the earlier one. */
export const readNotes = (cursor: WireCursor): CheckNotes =>
  readMessage(cursor, cursor.bytes.length, { attributes: undefined }, checkField)

export type CheckNotes = { attributes: AttributeNotes | undefined }

export type AttributeNotes = {
  request: RequestNotes | undefined
  source: PeerNotes | undefined
  /** Of context_extensions only this one. */
  guardrails: EntryNotes | undefined
}

export type RequestNotes = { http: HttpNotes | undefined; time: TimeNotes | undefined }

export type TimeNotes = { seconds: number | bigint; nanos: number }

/** Each field from its first byte to the one after its last; empty when it did not come. */
export type HttpNotes = {
  idFrom: number
  idTo: number
  methodFrom: number
  methodTo: number
  pathFrom: number
  pathTo: number
  bodyFrom: number
  bodyTo: number
  rawBodyFrom: number
  rawBodyTo: number
  /** One entry for each line. */
  headerMap: WireHeaders | undefined
  headers: WireHeaders | undefined
}

export type PeerNotes = { addressFrom: number; addressTo: number }

export type EntryNotes = { keyFrom: number; keyTo: number; valueFrom: number; valueTo: number }

const GUARDRAILS_EXTENSION = Buffer.from('latchkey_guardrails')

const checkField = (cursor: WireCursor, tag: number, notes: CheckNotes): boolean => {
  if (tag !== 10) return false
  const attributes = { request: undefined, source: undefined, guardrails: undefined }
  notes.attributes = readMessage<AttributeNotes>(cursor, cursor.messageEnd(), attributes, attributeField)
  return true
}

const attributeField = (cursor: WireCursor, tag: number, notes: AttributeNotes): boolean => {
  if (tag === 10) {
    notes.source = readMessage(cursor, cursor.messageEnd(), { addressFrom: 0, addressTo: 0 }, peerField)
  } else if (tag === 34) {
    const request = { http: undefined, time: undefined }
    notes.request = readMessage<RequestNotes>(cursor, cursor.messageEnd(), request, requestField)
  } else if (tag === 82) {
    const empty = { keyFrom: 0, keyTo: 0, valueFrom: 0, valueTo: 0 }
    const entry = readMessage(cursor, cursor.messageEnd(), empty, entryField)
    if (isGuardrails(cursor.bytes, entry)) notes.guardrails = entry
  } else return false
  return true
}

const isGuardrails = (bytes: Buffer, { keyFrom, keyTo }: EntryNotes): boolean =>
  keyTo - keyFrom === GUARDRAILS_EXTENSION.length && GUARDRAILS_EXTENSION.compare(bytes, keyFrom, keyTo) === 0

const requestField = (cursor: WireCursor, tag: number, notes: RequestNotes): boolean => {
  if (tag === 10) {
    notes.time = readMessage<TimeNotes>(cursor, cursor.messageEnd(), { seconds: 0, nanos: 0 }, timeField)
  } else if (tag === 18) {
    notes.http = readMessage(cursor, cursor.messageEnd(), noHttp(), httpField)
  } else return false
  return true
}

const timeField = (cursor: WireCursor, tag: number, notes: TimeNotes): boolean => {
  if (tag === 8) notes.seconds = cursor.int64()
  else if (tag === 16) notes.nanos = cursor.varint() | 0
  else return false
  return true
}

const httpField = (cursor: WireCursor, tag: number, notes: HttpNotes): boolean => {
  if (tag === 26) {
    notes.headers ??= createWireHeaders(cursor.bytes, 'map')
    notes.headers.note(cursor)
    return true
  }
  if (tag === 106) {
    const headers = createWireHeaders(cursor.bytes, 'lines')
    notes.headerMap = readMessage(cursor, cursor.messageEnd(), headers, headerMapField)
    return true
  }
  if (tag !== 10 && tag !== 18 && tag !== 34 && tag !== 90 && tag !== 98) return false
  cursor.span()
  const { from, at: to } = cursor
  if (tag === 10) {
    notes.idFrom = from
    notes.idTo = to
  } else if (tag === 18) {
    notes.methodFrom = from
    notes.methodTo = to
  } else if (tag === 34) {
    notes.pathFrom = from
    notes.pathTo = to
  } else if (tag === 90) {
    notes.bodyFrom = from
    notes.bodyTo = to
  } else {
    notes.rawBodyFrom = from
    notes.rawBodyTo = to
  }
  return true
}

const headerMapField = (cursor: WireCursor, tag: number, headers: WireHeaders): boolean => {
  if (tag !== 10) return false
  headers.note(cursor)
  return true
}

/** Peer, the Address in it and the SocketAddress in that: the text is all that each of them brings. */
const peerField = (cursor: WireCursor, tag: number, notes: PeerNotes): boolean =>
  intoAddress(cursor, tag, notes, addressField)

const addressField = (cursor: WireCursor, tag: number, notes: PeerNotes): boolean =>
  intoAddress(cursor, tag, notes, socketAddressField)

const intoAddress = (
  cursor: WireCursor,
  tag: number,
  notes: PeerNotes,
  readField: (cursor: WireCursor, tag: number, notes: PeerNotes) => boolean,
): boolean => {
  if (tag !== 10) return false
  notes.addressFrom = 0
  notes.addressTo = 0
  readMessage(cursor, cursor.messageEnd(), notes, readField)
  return true
}

const socketAddressField = (cursor: WireCursor, tag: number, notes: PeerNotes): boolean => {
  if (tag !== 18) return false
  cursor.span()
  notes.addressFrom = cursor.from
  notes.addressTo = cursor.at
  return true
}

const entryField = (cursor: WireCursor, tag: number, notes: EntryNotes): boolean => {
  if (tag !== 10 && tag !== 18) return false
  cursor.span()
  if (tag === 10) {
    notes.keyFrom = cursor.from
    notes.keyTo = cursor.at
  } else {
    notes.valueFrom = cursor.from
    notes.valueTo = cursor.at
  }
  return true
}

const noHttp = (): HttpNotes => ({
  idFrom: 0,
  idTo: 0,
  methodFrom: 0,
  methodTo: 0,
  pathFrom: 0,
  pathTo: 0,
  bodyFrom: 0,
  bodyTo: 0,
  rawBodyFrom: 0,
  rawBodyTo: 0,
  headerMap: undefined,
  headers: undefined,
})
