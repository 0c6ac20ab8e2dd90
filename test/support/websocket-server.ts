// A model server of websockets: chooses the first subprotocol that is offered, and sends back what it is sent unless told otherwise.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { Duplex } from 'node:stream'
import { listenOn } from '../../src/cli/demo/listen.ts'

export type OpenedSocket = Readonly<{ path: string; headers: readonly (readonly [string, string])[] }>

export type WebSocketServer = Readonly<{
  port: number
  /** What was opened since the last call. */
  opened(): readonly OpenedSocket[]
  close(): Promise<void>
}>

/** `says` answers what it hears at a path, or, to undefined, greets who opens one; nothing by the empty text. */
export const startWebSocketServer = async (
  says: (path: string, heard: string | undefined) => string = (_, heard) => heard ?? '',
): Promise<WebSocketServer> => {
  const opened: OpenedSocket[] = []
  const sockets = new Set<Duplex>()
  const server = createServer((_, response) => response.writeHead(426).end())
  server.on('upgrade', (request, socket) => {
    const headers: [string, string][] = []
    for (let index = 0; index + 1 < request.rawHeaders.length; index += 2)
      headers.push([request.rawHeaders[index] ?? '', request.rawHeaders[index + 1] ?? ''])
    opened.push({ path: request.url ?? '', headers })
    sockets.add(socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket)))
    const offered = request.headers['sec-websocket-protocol']?.split(',')[0]?.trim()
    const lines = [
      'HTTP/1.1 101 Switching Protocols',
      'upgrade: websocket',
      'connection: Upgrade',
      `sec-websocket-accept: ${acceptOf(request.headers['sec-websocket-key'] ?? '')}`,
      ...(offered === undefined ? [] : [`sec-websocket-protocol: ${offered}`]),
    ]
    socket.write(`${lines.join('\r\n')}\r\n\r\n`)
    const say = (heard: string | undefined) => {
      const said = says(request.url ?? '', heard)
      if (said !== '') socket.write(textFrame(said))
    }
    say(undefined)
    let arrived = Buffer.alloc(0)
    socket.on('data', (bytes: Buffer) => {
      arrived = Buffer.concat([arrived, bytes])
      for (let end = endOf(arrived); end <= arrived.length; end = endOf(arrived)) {
        const frame = arrived.subarray(0, end)
        arrived = arrived.subarray(end)
        if (frame[0] === CLOSE) socket.end(Buffer.from([CLOSE, 0]))
        else say(textIn(frame))
      }
    })
  })
  const { port, close } = await listenOn(server)
  return {
    port,
    opened: () => opened.splice(0),
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await close()
    },
  }
}

// RFC 6455, 4.2.2
const acceptOf = (key: string): string =>
  createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')

const TEXT = 0x81
const CLOSE = 0x88
/** Stands for the length when that is in the two bytes behind it. */
const LONGER = 126

/** One whole frame of less than 64 KiB, unmasked, as a server sends it. */
const textFrame = (said: string): Buffer => {
  const text = Buffer.from(said)
  const { length } = text
  const head = length < LONGER ? [TEXT, length] : [TEXT, LONGER, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(head), text])
}

/** The payload of one such frame, masked, as a client sends it. */
const textIn = (frame: Buffer): string => {
  const at = maskAt(frame)
  const mask = frame.subarray(at, at + MASK_BYTES)
  const payload = frame.subarray(at + MASK_BYTES)
  return Buffer.from(payload.map((byte, index) => byte ^ (mask[index % MASK_BYTES] ?? 0))).toString()
}

const MASK_BYTES = 4

/** Where the first of the frames ends, which need not have arrived. */
const endOf = (bytes: Buffer): number => {
  if (bytes.length < maskAt(bytes)) return Number.POSITIVE_INFINITY
  const short = lengthOf(bytes)
  return maskAt(bytes) + MASK_BYTES + (short === LONGER ? bytes.readUInt16BE(2) : short)
}

const maskAt = (frame: Buffer): number => (lengthOf(frame) === LONGER ? 4 : 2)

const lengthOf = (frame: Buffer): number => (frame[1] ?? 0) & 0x7f
