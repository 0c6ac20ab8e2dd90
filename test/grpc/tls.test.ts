// Who is answered behind TLS: a client with a certificate of the authority and, when names are listed, one of those.

import { once } from 'node:events'
import { appendFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { connectivityState, status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { namesIn } from '../../src/grpc/client-names.ts'
import { HealthClient } from '../../src/grpc/gen/grpc/health/v1/health.ts'
import type { TlsOptions } from '../../src/grpc/server-credentials.ts'
import { readTlsFiles } from '../../src/grpc/tls-material.ts'
import { startTlsReload } from '../../src/grpc/tls-reload.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { createAuthority, createCertificate } from '../support/certificates.ts'
import { summarise } from '../support/check-client.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { aDirectory, onClose } from '../support/closing.ts'
import { anAllow } from '../support/decisions.ts'
import { aClient, aServer, ask } from '../support/grpc-rig.ts'
import { channelOf, tlsFiles } from '../support/tls-rig.ts'
import { until } from '../support/until.ts'

describe('TLS', () => {
  const authority = createAuthority('latchkey test authority')
  const certificate = createCertificate('server', authority)

  it('answers a client of the authority beyond loopback', async () => {
    const tls = await tlsFiles(certificate, authority)
    const { address } = await aServer({ listen: '0.0.0.0:0', tls })
    const client = aClient(
      address.replace('0.0.0.0', '127.0.0.1'),
      channelOf(authority, createCertificate('envoy', authority)),
    )
    expect(summarise(await ask(client, aCheckRequest()))).toMatchObject({ allowed: true })
  })

  it.each([
    ['without a certificate', undefined],
    [
      'with a certificate of another authority',
      createCertificate('envoy', createAuthority('another authority')),
    ],
    [
      'with a certificate of an authority that took its name',
      createCertificate('envoy', createAuthority('latchkey test authority')),
    ],
  ])('asks nothing on behalf of a client %s', async (_name, certificateOfClient) => {
    const tls = await tlsFiles(certificate, authority)
    let checks = 0
    const { address } = await aServer({ tls }, async () => {
      checks += 1
      return anAllow()
    })
    await expect(
      ask(aClient(address, channelOf(authority, certificateOfClient)), aCheckRequest()),
    ).rejects.toMatchObject({
      code: status.UNAVAILABLE,
    })
    expect(checks).toBe(0)
  })

  it('says nothing to a client without TLS', async () => {
    const tls = await tlsFiles(certificate, authority)
    const { address } = await aServer({ tls })
    const socket = connect({ host: '127.0.0.1', port: Number(address.split(':')[1]) })
    socket.end('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    socket.on('error', () => {})
    const heard: Buffer[] = []
    socket.on('data', (chunk) => heard.push(chunk))
    await once(socket, 'close')
    // A TLS alert at most: an HTTP/2 frame would begin with the zero of its length.
    expect(Buffer.concat(heard)[0]).not.toBe(0)
  })

  it.each([
    [
      'a key that belongs to another certificate',
      createCertificate('other', authority).keyPem,
      'do not fit together',
    ],
    ['a key that is no PEM', 'nothing', 'is not PEM'],
  ])('is refused with %s', async (_name, keyPem, words) => {
    const tls = await tlsFiles({ ...certificate, keyPem }, authority)
    await expect(aServer({ tls })).rejects.toThrow(words)
  })

  it('is refused with a file that is not there', async () => {
    const tls = await tlsFiles(certificate, authority)
    await expect(aServer({ tls: { ...tls, clientCaFile: '/nowhere/ca.crt' } })).rejects.toThrow(
      'the TLS client authority cannot be read',
    )
  })

  it('is refused on a socket file', async () => {
    const tls = await tlsFiles(certificate, authority)
    const listen = `unix:${join(await aDirectory(), 'latchkey.sock')}`
    await expect(aServer({ listen, tls })).rejects.toThrow('takes no TLS')
  })
})

describe('a list of client names', () => {
  const authority = createAuthority('latchkey test authority')
  const certificate = createCertificate('server', authority)
  const LISTED = ['spiffe://mesh/envoy', 'Envoy.example']

  const aListingServer = async () => {
    const seen = { checks: 0 }
    const tls = { ...(await tlsFiles(certificate, authority)), clientNames: LISTED }
    const server = await aServer({ tls }, async () => {
      seen.checks += 1
      return anAllow()
    })
    return { ...server, seen }
  }

  it.each([
    ['a listed URI', { uris: ['spiffe://mesh/other', 'spiffe://mesh/envoy'] }],
    ['a listed DNS name, in whatever case', { dns: ['envoy.EXAMPLE'] }],
  ])('admits a client with %s', async (_name, names) => {
    const { address } = await aListingServer()
    const client = aClient(address, channelOf(authority, createCertificate('client', authority, names)))
    for (let each = 0; each < 2; each += 1)
      expect(summarise(await ask(client, aCheckRequest()))).toMatchObject({ allowed: true })
  })

  it.each([
    ['no name of the list', 'client', {}],
    ['a listed name in its subject only', 'Envoy.example', {}],
    ['the beginning of a listed URI', 'client', { uris: ['spiffe://mesh/env'] }],
    ['more than a listed URI', 'client', { uris: ['spiffe://mesh/envoy/x'] }],
    ['a listed URI in other case', 'client', { uris: ['spiffe://mesh/Envoy'] }],
    ['a wildcard over a listed DNS name', 'client', { dns: ['*.example'] }],
    ['a listed URI as a DNS name', 'client', { dns: ['spiffe://mesh/envoy'] }],
    ['a listed DNS name as a URI', 'client', { uris: ['Envoy.example'] }],
    ['a name that holds a listed one as text', 'client', { dns: ['x, URI:spiffe://mesh/envoy, DNS:y'] }],
    ['a listed name before a zero byte', 'client', { uris: ['spiffe://mesh/envoy\0.other'] }],
  ])('refuses every call of a client with %s', async (_name, subject, names) => {
    const { address, seen, logged } = await aListingServer()
    const channel = channelOf(authority, createCertificate(subject, authority, names))
    const client = aClient(address, channel)
    for (let each = 0; each < 2; each += 1)
      await expect(ask(client, aCheckRequest({ body: Buffer.alloc(1_048_576) }))).rejects.toMatchObject({
        code: status.PERMISSION_DENIED,
      })
    expect(seen.checks).toBe(0)
    expect(logged.filter((line) => line.includes('client refused'))).toHaveLength(1)
  })

  it('refuses bytes that are no Check before it looks at them, and health as well', async () => {
    const { address, seen } = await aListingServer()
    const channel = channelOf(authority, createCertificate('client', authority))
    const client = aClient(address, channel)
    const { promise, resolve } = Promise.withResolvers<unknown>()
    const path = '/envoy.service.auth.v3.Authorization/Check'
    const same = (bytes: Buffer) => bytes
    client.makeUnaryRequest(path, same, same, Buffer.from('no Check at all'), (error) => resolve(error))
    expect(await promise).toMatchObject({ code: status.PERMISSION_DENIED })
    const health = new HealthClient(address, channel, { 'grpc.ssl_target_name_override': 'localhost' })
    onClose(() => health.close())
    const answer = new Promise((told) => health.check({ service: '' }, (error) => told(error)))
    expect(await answer).toMatchObject({ code: status.PERMISSION_DENIED })
    expect(seen.checks).toBe(0)
  })

  it('reads a certificate once for a connection', async () => {
    const { address, logged } = await aListingServer()
    const client = aClient(address, channelOf(authority, createCertificate('client', authority)))
    const asked = Array.from({ length: 50 }, () => ask(client, aCheckRequest()).catch(() => {}))
    await Promise.all(asked)
    expect(logged.filter((line) => line.includes('client refused'))).toHaveLength(1)
  })
})

describe('TLS files that change', () => {
  const authority = createAuthority('latchkey test authority')
  const old = createCertificate('old', authority)
  const renewed = createCertificate('renewed', authority)

  /** A server on `old`, with a client that connected by then. */
  const aReloadingServer = async (folder?: string) => {
    const tls = await tlsFiles(old, authority, folder)
    const server = await aServer({ tls })
    const standing = aClient(server.address, channelOf(authority, createCertificate('envoy', authority)))
    expect(summarise(await ask(standing, aCheckRequest()))).toMatchObject({ allowed: true })
    return { ...server, tls, standing }
  }

  /** The name in the certificate that a new connection is shown; undefined when it is refused. */
  const shownTo = (address: string, client = createCertificate('envoy', authority)) => {
    const { promise, resolve } = Promise.withResolvers<string | undefined>()
    const socket = connectTls({
      host: '127.0.0.1',
      port: Number(address.split(':')[1]),
      ca: authority.certPem,
      cert: client.certPem,
      key: client.keyPem,
      ALPNProtocols: ['h2'],
    })
    // In TLS 1.3 the client has done its part before the server looked at its certificate: hear what it says then.
    socket.once('data', () => resolve(String(socket.getPeerCertificate().subject.CN)))
    socket.on('error', () => resolve(undefined)).on('close', () => resolve(undefined))
    return promise.finally(() => socket.destroy())
  }

  const told = ({ logged }: { readonly logged: readonly string[] }, words: string) =>
    logged.filter((line) => line.includes(words)).length

  const replaced = {
    'in place': async ({ certFile, keyFile }: TlsOptions) => {
      await writeFile(certFile, renewed.certPem)
      await writeFile(keyFile, renewed.keyPem)
    },
    'by a rename': async ({ certFile, keyFile }: TlsOptions) => {
      for (const [path, content] of [
        [keyFile, renewed.keyPem],
        [certFile, renewed.certPem],
      ] as const) {
        await writeFile(`${path}.new`, content)
        await rename(`${path}.new`, path)
      }
    },
  }

  it.each(Object.entries(replaced))(
    '%s are shown to new connections, and those that stand go on',
    async (_how, replace) => {
      const server = await aReloadingServer()
      const channel = server.standing.getChannel()
      await replace(server.tls)
      await until(() => told(server, 'TLS files reloaded') > 0)
      expect(await shownTo(server.address)).toBe('renewed')
      expect(channel.getConnectivityState(false)).toBe(connectivityState.READY)
      expect(summarise(await ask(server.standing, aCheckRequest()))).toMatchObject({ allowed: true })
      expect(told(server, 'TLS files reloaded')).toBe(1)
    },
  )

  it('as Kubernetes swaps a mounted secret, by the symbolic link above them, are shown as well', async () => {
    const folder = await aDirectory()
    await tlsFiles(old, authority, join(folder, '..1'))
    await tlsFiles(renewed, authority, join(folder, '..2'))
    await symlink('..1', join(folder, '..data'))
    const paths = { certFile: 'tls.crt', keyFile: 'tls.key', clientCaFile: 'ca.crt' }
    for (const name of Object.values(paths)) await symlink(join('..data', name), join(folder, name))
    const at = (name: keyof typeof paths) => join(folder, paths[name])
    const tls = { certFile: at('certFile'), keyFile: at('keyFile'), clientCaFile: at('clientCaFile') }
    const server = await aServer({ tls: { ...tls, clientNames: undefined, reloadIntervalMs: 10 } })
    expect(await shownTo(server.address)).toBe('old')
    await symlink('..2', join(folder, '..data_tmp'))
    await rename(join(folder, '..data_tmp'), join(folder, '..data'))
    await until(() => told(server, 'TLS files reloaded') > 0)
    expect(await shownTo(server.address)).toBe('renewed')
  })

  it('with another client authority admit its clients, and those of the old one no more', async () => {
    const other = createAuthority('another authority')
    const server = await aReloadingServer()
    const newcomer = createCertificate('envoy', other)
    expect(await shownTo(server.address, newcomer)).toBeUndefined()
    await writeFile(server.tls.clientCaFile, other.certPem)
    await until(() => told(server, 'TLS files reloaded') > 0)
    expect(await shownTo(server.address, newcomer)).toBe('old')
    expect(await shownTo(server.address)).toBeUndefined()
  })

  const half = renewed.certPem.slice(0, renewed.certPem.length / 2)
  it.each<[string, (tls: TlsOptions) => Promise<void>]>([
    ['of which one is gone', ({ keyFile }) => rm(keyFile)],
    ['of which one is empty', ({ clientCaFile }) => writeFile(clientCaFile, '')],
    ['of which one is half written', ({ certFile }) => writeFile(certFile, half)],
    ['with half an authority after a whole one', ({ clientCaFile }) => appendFile(clientCaFile, half)],
    ['with a certificate that has another key', ({ certFile }) => writeFile(certFile, renewed.certPem)],
  ])('%s are told once as an error, and the old ones stay until they are whole', async (_how, spoil) => {
    const server = await aReloadingServer()
    await spoil(server.tls)
    await until(() => told(server, 'cannot be used') > 0)
    expect(await shownTo(server.address)).toBe('old')
    expect(told(server, '"level":"error"')).toBe(1)
    await tlsFiles(renewed, authority, join(server.tls.certFile, '..'))
    await until(() => told(server, 'TLS files reloaded') > 0)
    expect(await shownTo(server.address)).toBe('renewed')
  })

  it('are not judged while they are being written', async () => {
    const logged: string[] = []
    const log = createLogger({ level: 'info', format: 'json' }, { write: (line) => logged.push(line) })
    const files = await tlsFiles(old, authority)
    const reload = startTlsReload(await readTlsFiles(files), { files, intervalMs: 3_600_000, log })
    onClose(reload.stop)
    await writeFile(files.certFile, renewed.certPem)
    await reload.look()
    await writeFile(files.keyFile, renewed.keyPem)
    await reload.look()
    expect(logged).toEqual([])
    await reload.look()
    expect([told({ logged }, 'TLS files reloaded'), logged.length]).toEqual([1, 1])
    await reload.look()
    await rm(files.keyFile)
    for (let each = 0; each < 4; each += 1) await reload.look()
    expect([told({ logged }, 'cannot be used'), logged.length]).toEqual([1, 2])
  })
})

it.each([
  ['DNS:a, URI:b:c, IP Address:127.0.0.1', ['DNS:a', 'URI:b:c']],
  ['DNS:"a, URI:b:c", DNS:D', ['DNS:a, uri:b:c', 'DNS:d']],
  [String.raw`URI:"a:\"b, URI:c:d"`, ['URI:a:"b, URI:c:d']],
  ['DirName:"CN = a, DNS:b", URI:c:d', ['URI:c:d']],
  ['Registered ID:1.2.3.4', []],
  ['', []],
  [undefined, []],
])('of the alternative names %s it reads %j', (subjectaltname, names) => {
  expect(namesIn(subjectaltname === undefined ? {} : { subjectaltname })).toEqual(names)
})
