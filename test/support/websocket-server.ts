// A model server of websockets: chooses the first subprotocol that is offered, greets, and sends back what it is sent.
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

export const startWebSocketServer = async (): Promise<WebSocketServer> => {
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
    socket.on('data', (frame: Buffer) => socket.write(textFrame(textIn(frame))))
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

/** One whole frame of less than 126 bytes, unmasked, as a server sends it. */
const textFrame = (text: Buffer): Buffer => Buffer.concat([Buffer.from([0x81, text.length]), text])

/** The payload of one such frame, masked, as a client sends it. */
const textIn = (frame: Buffer): Buffer => {
  const mask = frame.subarray(2, 6)
  return Buffer.from(frame.subarray(6).map((byte, index) => byte ^ (mask[index % 4] ?? 0)))
}
