// A TCP connection that grows old is replaced, and no Check that it carries is lost.
import { once } from 'node:events'
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import { connect } from 'node:http2'
import { connect as connectSocket } from 'node:net'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { CheckRequest, CheckResponse } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { summarise } from '../support/check-client.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { aDirectory, onClose } from '../support/closing.ts'
import { anAllow } from '../support/decisions.ts'
import { aServer } from '../support/grpc-rig.ts'

const AGE_MS = 50
/** Time enough to begin a call on the slowest machine. */
const LATER_MS = 1_000

/** A connection that opens nothing by itself and closes nothing: what the server does to it can be seen. */
const aSession = async (address: string): Promise<ClientHttp2Session> => {
  const path = address.startsWith('unix:') ? address.slice('unix:'.length) : undefined
  const session = connect('http://latchkey', {
    createConnection: () => (path === undefined ? connectTcp(address) : connectSocket(path)),
  })
  session.on('error', () => {})
  onClose(() => session.destroy())
  await once(session, 'connect')
  return session
}

const connectTcp = (address: string) =>
  connectSocket(Number(address.split(':').at(-1)), address.slice(0, address.lastIndexOf(':')))

const call = (session: ClientHttp2Session, path: string, message: Uint8Array): ClientHttp2Stream => {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
  })
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  stream.on('error', () => {}).end(Buffer.concat([head, message]))
  return stream
}

const check = (session: ClientHttp2Session) =>
  call(session, '/envoy.service.auth.v3.Authorization/Check', CheckRequest.encode(aCheckRequest()).finish())

const answerOf = async (stream: ClientHttp2Stream) => {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return summarise(CheckResponse.decode(Buffer.concat(chunks).subarray(5)))
}

it('a Check in flight is answered on the connection that was asked to go, which closes then', async () => {
  const began = Promise.withResolvers<void>()
  const decided = Promise.withResolvers<void>()
  const server = await aServer({ maxConnectionAgeMs: LATER_MS }, async () => {
    began.resolve()
    await decided.promise
    return anAllow()
  })
  const session = await aSession(server.address)
  const asked = once(session, 'goaway')
  const closed = once(session, 'close')
  const answer = answerOf(check(session))
  await began.promise
  const [errorCode] = await asked
  expect([errorCode, session.destroyed]).toEqual([0, false])
  // It stands while the client turns to another one.
  for (let each = 0; each < 5; each += 1) await aSession(server.address)
  expect(session.destroyed).toBe(false)
  decided.resolve()
  expect(await answer).toMatchObject({ allowed: true })
  await closed
})

it('a call that does not end keeps an old connection no longer than a Check may take', async () => {
  const server = await aServer({ maxConnectionAgeMs: LATER_MS, checkTimeoutMs: 100 })
  const session = await aSession(server.address)
  const closed = once(session, 'close')
  const watch = call(session, '/grpc.health.v1.Health/Watch', new Uint8Array())
  watch.resume()
  await once(watch, 'response')
  await closed
})

it.each(['off', 'a socket file'])('with %s a connection has no age', async (which) => {
  const listen = which === 'off' ? '127.0.0.1:0' : `unix:${join(await aDirectory(), 's')}`
  const ageless = await aServer({ listen, maxConnectionAgeMs: which === 'off' ? undefined : AGE_MS })
  const other = await aServer({ maxConnectionAgeMs: AGE_MS })
  const session = await aSession(ageless.address)
  let asked = false
  session.on('goaway', () => {
    asked = true
  })
  // Each of them at least nine tenths of an age, one after the other.
  for (let age = 0; age < 3; age += 1) await once(await aSession(other.address), 'close')
  expect(await answerOf(check(session))).toMatchObject({ allowed: true })
  expect(asked).toBe(false)
})
