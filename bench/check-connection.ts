// The client's side of gRPC, as little of it as a measurement needs: a client that costs less than the server it asks.
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { BinaryReader } from '@bufbuild/protobuf/wire'

export type CheckConnection = Readonly<{
  /** Sends an encoded CheckRequest; the gRPC status in the CheckResponse, `unset` when there is none. */
  ask(question: Buffer): Promise<number | 'unset' | 'late'>
  close(): void
}>

type Asked = Readonly<{
  resolve: (status: number | 'unset' | 'late') => void
  reject: (error: Error) => void
  timer: NodeJS.Timeout | undefined
}> & { status: number | 'unset' }

/** A question that the window does not take yet. */
type Held = Readonly<{ stream: number; data: Buffer }>

const FRAME_HEAD = 9
const DATA = 0
const HEADERS = 1
const RST_STREAM = 3
const SETTINGS = 4
const PING = 6
const GOAWAY = 7
const WINDOW_UPDATE = 8
/** Of DATA and HEADERS; of SETTINGS and PING it is ACK. */
const END_STREAM = 1
const END_HEADERS = 4
const FIRST_WINDOW = 65_535

/**
 * One connection, as each worker of Envoy has one. Any answer but a message on an open stream is an error. With `timeoutMs` each call
 * says how long it waits, as Envoy's does, and is reset when that is over: `late`.
 */
export const openCheckConnection = async (
  path: string,
  { timeoutMs }: Readonly<{ timeoutMs?: number }> = {},
): Promise<CheckConnection> => {
  const headerBlock = headerBlockOf(timeoutMs)
  const socket = connect(path)
  await once(socket, 'connect')
  const asked = new Map<number, Asked>()
  /** What the server takes until it says more; whoever finds it too small waits for that. */
  let window = FIRST_WINDOW
  const held: Held[] = []
  let lastStream = -1

  const write = (bytes: Buffer) => {
    if (socket.writableCorked === 0) {
      socket.cork()
      process.nextTick(() => socket.uncork())
    }
    socket.write(bytes)
  }
  const writeHeld = () => {
    for (let next = held[0]; next !== undefined && countedOf(next) <= window; next = held[0]) {
      held.shift()
      // Who has given up meanwhile sends nothing more.
      if (!asked.has(next.stream)) continue
      window -= countedOf(next)
      write(next.data)
    }
  }
  const giveUp = (stream: number) => {
    const one = asked.get(stream)
    asked.delete(stream)
    write(frame(RST_STREAM, 0, stream, CANCEL))
    one?.resolve('late')
  }
  const fail = (error: Error) => {
    for (const { reject, timer } of asked.values()) {
      clearTimeout(timer)
      reject(error)
    }
    asked.clear()
    socket.destroy()
  }
  const take = (type: number, flags: number, stream: number, payload: Buffer) => {
    const one = asked.get(stream)
    if (type === DATA && one !== undefined) one.status = statusOf(payload)
    if (type === SETTINGS && flags === 0) write(frame(SETTINGS, END_STREAM, 0, NOTHING))
    if (type === PING && flags === 0) write(frame(PING, END_STREAM, 0, payload))
    if (type === WINDOW_UPDATE && stream === 0) {
      window += payload.readUInt32BE(0)
      writeHeld()
    }
    if (type === GOAWAY || type === RST_STREAM) fail(new Error(`the server sent a frame of type ${type}`))
    if ((type === DATA || type === HEADERS) && (flags & END_STREAM) !== 0 && one !== undefined) {
      asked.delete(stream)
      clearTimeout(one.timer)
      one.resolve(one.status)
    }
  }
  socket.on('error', fail).on('close', () => fail(new Error('the connection was closed')))
  readFrames(socket, take)
  write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, NOTHING), frame(WINDOW_UPDATE, 0, 0, A_LOT)]))
  return {
    ask: (question) =>
      new Promise((resolve, reject) => {
        lastStream += 2
        const stream = lastStream
        const timer = timeoutMs === undefined ? undefined : setTimeout(() => giveUp(stream), timeoutMs)
        asked.set(stream, { resolve, reject, timer, status: 'unset' })
        write(frame(HEADERS, END_HEADERS, stream, headerBlock))
        held.push({ stream, data: dataOf(stream, question) })
        writeHeld()
      }),
    close: () => socket.end(),
  }
}

const readFrames = (
  socket: Socket,
  take: (type: number, flags: number, stream: number, payload: Buffer) => void,
): void => {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    while (bytes.length - at >= FRAME_HEAD) {
      const end = at + FRAME_HEAD + bytes.readUIntBE(at, 3)
      if (bytes.length < end) break
      const stream = bytes.readUInt32BE(at + 5)
      take(bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, stream, bytes.subarray(at + FRAME_HEAD, end))
      at = end
    }
    rest = bytes.subarray(at)
  })
}

const frame = (type: number, flags: number, stream: number, payload: Uint8Array): Buffer => {
  const bytes = Buffer.allocUnsafe(FRAME_HEAD + payload.length)
  bytes.writeUIntBE(payload.length, 0, 3)
  bytes[3] = type
  bytes[4] = flags
  bytes.writeUInt32BE(stream, 5)
  bytes.set(payload, FRAME_HEAD)
  return bytes
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const NOTHING = new Uint8Array()
/** RFC 9113, 7: no longer needed. */
const CANCEL = Buffer.from([0, 0, 0, 8])
/** All that a connection may ever receive: a measurement needs less. */
const A_LOT = Buffer.from([0x7f, 0xff, 0x00, 0x00])

/** A header that enters no table (RFC 7541, 6.2.2); lengths below 127 are one byte. */
const literal = (name: string | number, value: string): Buffer =>
  typeof name === 'number'
    ? Buffer.concat([Buffer.from([name, value.length]), Buffer.from(value)])
    : Buffer.concat([
        Buffer.from([0, name.length]),
        Buffer.from(name),
        Buffer.from([value.length]),
        Buffer.from(value),
      ])

const headerBlockOf = (timeoutMs: number | undefined): Buffer =>
  Buffer.concat([
    // :method POST and :scheme http are in the static table as they are; :path and :authority with their names.
    Buffer.from([0x83, 0x86]),
    literal(4, '/envoy.service.auth.v3.Authorization/Check'),
    literal(1, 'latchkey'),
    literal('content-type', 'application/grpc'),
    literal('te', 'trailers'),
    ...(timeoutMs === undefined ? [] : [literal('grpc-timeout', `${timeoutMs}m`)]),
  ])

const MESSAGE_HEAD = 5

const dataOf = (stream: number, question: Buffer): Buffer => {
  const data = Buffer.allocUnsafe(MESSAGE_HEAD + question.length)
  data[0] = 0
  data.writeUInt32BE(question.length, 1)
  data.set(question, MESSAGE_HEAD)
  return frame(DATA, END_STREAM, stream, data)
}

/** Only DATA counts against a window, without the frame's head. */
const countedOf = ({ data }: Held): number => data.length - FRAME_HEAD

/** `CheckResponse.status.code`: field 1 of field 1. An empty status is code 0, and none at all must never come. */
const statusOf = (message: Buffer): number | 'unset' => {
  const reader = new BinaryReader(message.subarray(MESSAGE_HEAD))
  const [field] = reader.tag()
  if (field !== 1) return 'unset'
  const length = reader.uint32()
  if (length === 0) return 0
  const [code] = reader.tag()
  return code === 1 ? reader.int32() : 0
}
