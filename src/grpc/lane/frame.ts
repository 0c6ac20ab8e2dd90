// HTTP/2 frames as bytes: their head, their types, their errors. RFC 9113, sections 4, 6 and 7.

export const FRAME_HEAD = 9

export const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const FLAG = {
  /** Of SETTINGS and PING. */
  ack: 0x1,
  endStream: 0x1,
  endHeaders: 0x4,
  padded: 0x8,
  priority: 0x20,
} as const

export const ERROR = {
  none: 0x0,
  protocol: 0x1,
  internal: 0x2,
  flowControl: 0x3,
  streamClosed: 0x5,
  frameSize: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compression: 0x9,
  enhanceYourCalm: 0xb,
} as const

export type ErrorCode = (typeof ERROR)[keyof typeof ERROR]

export const SETTING = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const

/** What a client sends first. */
export const PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

/** What both sides begin with, and what no window may exceed (6.9.1). */
export const FIRST_WINDOW = 65_535
export const LARGEST_WINDOW = 0x7fff_ffff
/** The highest bit of a stream's number means nothing (4.1). */
export const LARGEST_STREAM = 0x7fff_ffff
/** Frames that carry more need the receiver's leave; we give none. */
export const FRAME_SIZE = 16_384

/** A breach of the protocol that ends the connection, by GOAWAY. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

/** Writes a head at `at`; returns where the payload begins. */
export const writeHead = (
  bytes: Buffer,
  at: number,
  type: number,
  flags: number,
  stream: number,
  length: number,
): number => {
  bytes[at] = length >>> 16
  bytes[at + 1] = length >>> 8
  bytes[at + 2] = length
  bytes[at + 3] = type
  bytes[at + 4] = flags
  bytes.writeUInt32BE(stream, at + 5)
  return at + FRAME_HEAD
}

export const frame = (type: number, flags: number, stream: number, payload: Uint8Array): Buffer => {
  const bytes = Buffer.allocUnsafe(FRAME_HEAD + payload.length)
  bytes.set(payload, writeHead(bytes, 0, type, flags, stream, payload.length))
  return bytes
}

export const settingsFrame = (settings: readonly (readonly [id: number, value: number])[]): Buffer => {
  const payload = Buffer.alloc(6 * settings.length)
  for (const [index, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, 6 * index)
    payload.writeUInt32BE(value, 6 * index + 2)
  }
  return frame(TYPE.settings, 0, 0, payload)
}

export const uint32Frame = (type: number, stream: number, value: number): Buffer => {
  const payload = Buffer.allocUnsafe(4)
  payload.writeUInt32BE(value)
  return frame(type, 0, stream, payload)
}

export const goawayFrame = (lastStream: number, code: ErrorCode): Buffer => {
  const payload = Buffer.allocUnsafe(8)
  payload.writeUInt32BE(lastStream)
  payload.writeUInt32BE(code, 4)
  return frame(TYPE.goaway, 0, 0, payload)
}
