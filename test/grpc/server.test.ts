// Who can reach the server, by which door, with how large a request.

import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { Rejection } from '../../src/kernel/failure.ts'
import { summarise } from '../support/check-client.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { aDirectory } from '../support/closing.ts'
import { anAllow } from '../support/decisions.ts'
import { aClient, aServer, ask } from '../support/grpc-rig.ts'

const permissions = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8)

describe('a socket file', () => {
  it('answers, with its mode, in a directory made for it', async () => {
    const path = join(await aDirectory(), 'run/latchkey.sock')
    const server = await aServer({ listen: `unix:${path}` })
    expect(server.address).toBe(`unix:${path}`)
    expect(summarise(await ask(aClient(server.address), aCheckRequest()))).toMatchObject({ allowed: true })
    expect([await permissions(path), await permissions(join(path, '..'))]).toEqual(['660', '750'])
    expect(await readdir(join(path, '..'))).toEqual(['latchkey.sock'])
  })

  it('has the mode and the group that were asked for', async () => {
    const directory = await aDirectory()
    const path = join(directory, 'latchkey.sock')
    const { gid } = await stat(directory)
    await aServer({ listen: `unix:${path}`, socketMode: 0o600, socketGroup: String(gid) })
    expect(await permissions(path)).toBe('600')
    expect((await stat(path)).gid).toBe(gid)
  })

  it('is left with its directory as they were when the directory exists', async () => {
    const directory = join(await aDirectory(), 'run')
    await mkdir(directory, { mode: 0o700 })
    await aServer({ listen: `unix:${join(directory, 'latchkey.sock')}` })
    expect(await permissions(directory)).toBe('700')
  })

  it('is warned of in a directory where everybody may put another in its place', async () => {
    const directory = join(await aDirectory(), 'run')
    await mkdir(directory)
    const warnings = async (mode: number, name: string) => {
      await chmod(directory, mode)
      const { logged } = await aServer({ listen: `unix:${join(directory, name)}` })
      return logged.filter((line) => line.includes('everybody may put another socket')).length
    }
    // In /tmp, mode 1777, only its owner may replace a file.
    expect([await warnings(0o777, 'a'), await warnings(0o1777, 'b'), await warnings(0o770, 'c')]).toEqual([
      1, 0, 0,
    ])
  })

  it.each([
    [
      'a group that nobody knows',
      { socketGroup: 'no-such-group' },
      'latchkey.sock',
      'there is no group "no-such-group"',
    ],
    ['a path that is too long', {}, `${'x'.repeat(100)}.sock`, 'bytes too long'],
  ])('is refused for %s, and nothing is left behind', async (_name, options, file, words) => {
    const directory = await aDirectory()
    await expect(aServer({ ...options, listen: `unix:${join(directory, file)}` })).rejects.toThrow(words)
    expect(await readdir(directory)).toEqual([])
  })

  it('is refused where no directory can be, and nothing is left behind', async () => {
    const directory = await aDirectory()
    await writeFile(join(directory, 'file'), '')
    const refused = aServer({ listen: `unix:${join(directory, 'file/latchkey.sock')}` })
    await expect(refused).rejects.toThrow('cannot put a socket at')
    expect(await readdir(directory)).toEqual(['file'])
  })
})

describe('a TCP port', () => {
  it('answers on loopback, at the port that it got', async () => {
    const server = await aServer({ listen: '127.0.0.1:0' })
    expect(server.address).toMatch(/^127\.0\.0\.1:[1-9]\d*$/)
    expect(summarise(await ask(aClient(server.address), aCheckRequest()))).toMatchObject({ allowed: true })
  })

  it('that is taken is refused with its name', async () => {
    const { address } = await aServer()
    const refused = aServer({ listen: address })
    await expect(refused).rejects.toThrow(Rejection)
    await expect(refused).rejects.toThrow(`cannot listen on ${address}`)
  })

  it.each(['0.0.0.0:0', '[::]:0', '10.1.2.3:0', 'gateway.example:0'])(
    'at %s, beyond loopback, is refused without TLS',
    async (listen) => {
      await expect(aServer({ listen })).rejects.toThrow('needs a TLS certificate')
    },
  )

  it('beyond loopback answers without TLS only when that was named, and says so', async () => {
    const { address, logged } = await aServer({ listen: '0.0.0.0:0', plaintext: 'anywhere' })
    const client = aClient(address.replace('0.0.0.0', '127.0.0.1'))
    expect(summarise(await ask(client, aCheckRequest()))).toMatchObject({ allowed: true })
    expect(logged.filter((line) => line.includes('without TLS'))).toHaveLength(1)
    expect((await aServer({ plaintext: 'anywhere' })).logged).toEqual([])
  })
})

describe('the size of a request', () => {
  it('of 5 MiB arrives whole', async () => {
    const body = Buffer.alloc(5 * 1_048_576, 'latchkey')
    let received: Uint8Array = Buffer.alloc(0)
    const { address } = await aServer({}, async (request) => {
      received = request?.body ?? received
      return anAllow()
    })
    await ask(aClient(address), aCheckRequest({ body }))
    expect(body.equals(received)).toBe(true)
  })

  it('may be the largest body with the largest headers', async () => {
    const { address } = await aServer({ maxBodyBytes: 1_048_576 })
    const request = aCheckRequest({
      body: Buffer.alloc(1_048_576),
      path: `/${'p'.repeat(60_000)}`,
      headers: [
        [':path', `/${'p'.repeat(60_000)}`],
        ['cookie', 'c'.repeat(60_000)],
      ],
    })
    expect(summarise(await ask(aClient(address), request))).toMatchObject({ allowed: true })
  })

  it('far beyond what was configured is refused', async () => {
    const { address } = await aServer({ maxBodyBytes: 0 })
    const request = aCheckRequest({ body: Buffer.alloc(2 * 1_048_576) })
    await expect(ask(aClient(address), request)).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED })
  })
})
