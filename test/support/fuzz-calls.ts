// Sends fuzzed bytes to a socket file, as gRPC calls on one HTTP/2 connection or as a connection of their own, and reads what comes back.
import { once } from 'node:events'
import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { CheckResponse } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { messagesIn } from './fuzz-frames.ts'

/** One connection on which calls follow each other; a message is sent as it is. */
export const openCalls = (path: string): ClientHttp2Session => {
  // In MiB; by itself a client resets calls whose answers come while it still sends ten of them.
  const maxSessionMemory = 1_000
  const session = connectHttp2('http://latchkey', { createConnection: () => connect(path), maxSessionMemory })
  session.on('error', () => {})
  return session
}

/** `allow`, `deny`, or the gRPC status in words when there was no message. Rejects when nothing is ever said. */
export const callWith = async (session: ClientHttp2Session, message: Uint8Array): Promise<string> => {
  const stream = session.request({
    ':method': 'POST',
    ':path': '/envoy.service.auth.v3.Authorization/Check',
    'content-type': 'application/grpc',
    te: 'trailers',
  })
  let status: string | undefined
  const read = ({ 'grpc-status': told }: IncomingHttpHeaders) => {
    if (told !== undefined) status = String(told)
  }
  const parts: Buffer[] = []
  stream.on('response', read).on('trailers', read)
  stream.on('data', (part: Buffer) => parts.push(part)).on('error', () => {})
  stream.setTimeout(NEVER_MS, () => stream.destroy())
  stream.end(message)
  await once(stream, 'close')
  if (parts.length > 0) return verdictOf(Buffer.concat(parts).subarray(5))
  if (status === undefined) throw new Error('a call was never answered')
  return `status ${status}`
}

/** Longer than the server's own limit for a Check. */
const NEVER_MS = 20_000

/** The verdicts on a connection that sends these bytes and waits a little, or until the server closes it. */
export const connectWith = async (path: string, bytes: Buffer): Promise<readonly string[]> => {
  const socket = connect(path)
  const received: Buffer[] = []
  socket.on('data', (part) => received.push(part)).on('error', () => {})
  socket.setTimeout(QUIET_MS, () => socket.destroy())
  socket.write(bytes)
  await once(socket, 'close')
  return messagesIn(Buffer.concat(received)).map(verdictOf)
}

/** Nothing was said for so long: all has been said. */
const QUIET_MS = 100

/** As Envoy reads it: what is not clearly refused is let through. An answer that cannot be decoded is none. */
const verdictOf = (message: Buffer): 'allow' | 'deny' => {
  const { status, httpResponse } = CheckResponse.decode(message)
  if (status === undefined || status.code === 0) return 'allow'
  if (httpResponse === undefined) return 'deny'
  if (httpResponse.$case === 'okResponse') return 'allow'
  return Number(httpResponse.value.status?.code ?? 0) < 400 ? 'allow' : 'deny'
}
