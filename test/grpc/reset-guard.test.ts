// Node's guard against reset streams, and how far grpc-js lets it be raised: these tests notice when either of them changes.
import { once } from 'node:events'
import type { ClientHttp2Session } from 'node:http2'
import { connect, constants } from 'node:http2'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { AUTHORIZATION_SERVICE } from '../../src/grpc/authorization-service.ts'
import { tolerateResets } from '../../src/grpc/reset-guard.ts'
import { createAuthority, createCertificate } from '../support/certificates.ts'
import { onClose } from '../support/closing.ts'
import { aServer } from '../support/grpc-rig.ts'
import { tlsFiles } from '../support/tls-rig.ts'

/** Node's burst is 1,000, then 33 a second. */
const RESETS = 3_000
const AT_ONCE = 50

const authority = createAuthority('latchkey test authority')

const aSession = async (url: string): Promise<ClientHttp2Session> => {
  const { certPem, keyPem } = createCertificate('envoy', authority)
  const session = connect(url, { ca: authority.certPem, cert: certPem, key: keyPem })
  session.on('error', () => {})
  onClose(() => session.destroy())
  await once(session, 'connect')
  return session
}

/** Begins a call and leaves at once. */
const leave = async (session: ClientHttp2Session): Promise<void> => {
  const stream = session.request({
    ':method': 'POST',
    ':path': '/envoy.service.auth.v3.Authorization/Check',
    'content-type': 'application/grpc',
    te: 'trailers',
  })
  stream.on('error', () => {})
  if (stream.pending) await once(stream, 'ready')
  stream.close(constants.NGHTTP2_CANCEL)
  if (!stream.closed || !stream.destroyed) await once(stream, 'close')
}

/** Whether the connection outlived it. */
const storm = async (session: ClientHttp2Session): Promise<boolean> => {
  for (let left = 0; left < RESETS && !session.closed; left += AT_ONCE)
    await Promise.all(Array.from({ length: AT_ONCE }, () => leave(session).catch(() => {})))
  if (session.closed || session.destroyed) return false
  const pinged = Promise.withResolvers<boolean>()
  session.on('close', () => pinged.resolve(false))
  session.ping((error) => pinged.resolve(error === null))
  return pinged.promise
}

describe(`${RESETS} calls that are given up on one connection`, () => {
  it('leave it standing', async () => {
    const { address } = await aServer({ transport: 'grpc-js' })
    expect(await storm(await aSession(`http://${address}`))).toBe(true)
  })

  it('leave it standing under TLS', async () => {
    const tls = await tlsFiles(createCertificate('server', authority), authority)
    const { address } = await aServer({ tls })
    expect(await storm(await aSession(`https://localhost:${address.split(':')[1]}`))).toBe(true)
  })

  it('would end it, were the guard not raised', async () => {
    const server = new Server()
    server.addService(AUTHORIZATION_SERVICE, { check: () => {} })
    onClose(() => server.forceShutdown())
    const { promise, resolve } = Promise.withResolvers<number>()
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_error, port) => resolve(port))
    expect(await storm(await aSession(`http://127.0.0.1:${await promise}`))).toBe(false)
  })
})

it('a grpc-js that keeps the options elsewhere is told at the start', () => {
  const server = new Server()
  Reflect.deleteProperty(server, 'commonServerOptions')
  expect(() => tolerateResets(server)).toThrow('grpc-js keeps the options of its HTTP/2 server elsewhere')
})
