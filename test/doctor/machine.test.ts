// Mistakes on the machine, each planted, and what the doctor says of it; on a machine that is set up well, nothing.

import { once } from 'node:events'
import { chmod, mkdir } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { examineSqliteFile } from '../../src/doctor/store/sqlite-file.ts'
import { createAuthority, createCertificate } from '../support/certificates.ts'
import { onClose } from '../support/closing.ts'
import type { DoctorRig } from '../support/doctor-rig.ts'
import { aDoctorRig } from '../support/doctor-rig.ts'

const authority = createAuthority('latchkey test authority')
const certificate = createCertificate('server', authority)

const tlsSettings = async (rig: DoctorRig, parts: { key?: string; keyMode?: number } = {}) => ({
  listen: '0.0.0.0:0',
  tls_cert_file: await rig.file('cert.pem', certificate.certPem),
  tls_key_file: await rig.file('key.pem', parts.key ?? certificate.keyPem, parts.keyMode),
  tls_client_ca_file: await rig.file('ca.pem', authority.certPem),
})

const aTakenPort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  onClose(() => server.close())
  return (server.address() as AddressInfo).port
}

describe('a machine that is set up well', () => {
  it('is not complained of: a socket file, a new store', async () => {
    expect(await (await aDoctorRig()).complaints()).toEqual([])
  })

  it('is not complained of: TLS', async () => {
    const rig = await aDoctorRig()
    expect(await rig.complaints(await tlsSettings(rig))).toEqual([])
  })
})

describe('a socket file', () => {
  it('whose path is too long is met, by how much', async () => {
    const rig = await aDoctorRig()
    const listen = `unix:/run/${'x'.repeat(100)}`
    expect(await rig.complaints({ listen })).toEqual([
      expect.stringMatching(/^fault socket_path: .* is 12 bytes too long for a socket file/),
    ])
  })

  it('with something else in its place is met', async () => {
    const rig = await aDoctorRig()
    await rig.file('latchkey.sock', 'hello')
    expect(await rig.complaints()).toEqual([
      expect.stringMatching(/^fault socket_path: .*latchkey\.sock is there already and is no socket/),
    ])
  })

  it('in a directory in which everybody may replace it is met', async () => {
    const rig = await aDoctorRig()
    await mkdir(join(rig.directory, 'open'))
    await chmod(join(rig.directory, 'open'), 0o777)
    expect(await rig.complaints({ listen: `unix:${rig.directory}/open/s` })).toEqual([
      expect.stringMatching(/^warning socket_directory: everybody may replace the socket/),
    ])
  })

  it('that no directory can be made for is met', async () => {
    const rig = await aDoctorRig()
    const inTheWay = await rig.file('notes.txt', '')
    expect(await rig.complaints({ listen: `unix:${inTheWay}/run/latchkey.sock` })).toEqual([
      expect.stringMatching(
        /^fault socket_directory: no socket can be put into .*notes\.txt is no directory/,
      ),
    ])
  })

  it.each([
    [
      'a group that is not there',
      { socket_group: 'no-such-group' },
      /^fault socket_group: there is no group "no-such-group"/,
    ],
    [
      'a mode for everybody',
      { socket_mode: '0666' },
      /^warning socket_mode: .* everybody on this machine may ask/,
    ],
    [
      'a mode for nobody else',
      { socket_mode: '0600' },
      /^warning socket_mode: .* another user cannot connect/,
    ],
  ])('with %s is met', async (_name, settings, words) => {
    expect(await (await aDoctorRig()).complaints(settings)).toEqual([expect.stringMatching(words)])
  })
})

describe('a port', () => {
  it('that another process has is met, and named', async () => {
    const rig = await aDoctorRig()
    const port = await aTakenPort()
    expect(await rig.complaints({ listen: `127.0.0.1:${port}` })).toEqual([
      expect.stringMatching(
        new RegExp(`^fault listen_port: 127\\.0\\.0\\.1:${port} is taken by another process`),
      ),
    ])
    expect(await rig.complaints({ health_listen: `127.0.0.1:${port}` })).toEqual([
      expect.stringMatching(/^fault health_port: .* is taken by another process/),
    ])
  })

  it('that a running Latchkey has is not', async () => {
    const rig = await aDoctorRig()
    const alive = createHttpServer((_request, response) => response.end('ok')).listen(0, '127.0.0.1')
    await once(alive, 'listening')
    onClose(() => alive.close())
    const { port } = alive.address() as AddressInfo
    const listen = `127.0.0.1:${await aTakenPort()}`
    expect(await rig.complaints({ listen, health_listen: `127.0.0.1:${port}` })).toEqual([])
  })

  it('of an address that is not of this machine is met', async () => {
    const rig = await aDoctorRig()
    expect(await rig.complaints({ health_listen: '192.0.2.1:9193' })).toEqual([
      expect.stringMatching(/^fault health_port: 192\.0\.2\.1:9193 cannot be listened on/),
    ])
  })

  it('that other machines reach without TLS is met', async () => {
    const rig = await aDoctorRig()
    const listen = '0.0.0.0:0'
    expect(await rig.complaints({ listen })).toEqual([
      expect.stringMatching(/^fault plaintext: .* reachable from other machines and has no TLS/),
    ])
    expect(await rig.complaints({ listen, plaintext: 'anywhere' })).toEqual([
      expect.stringMatching(/^warning plaintext: whoever reaches/),
    ])
  })
})

describe('TLS files', () => {
  const at = (instant: string) => ({
    machine: { nowMs: () => Date.parse(instant), memoryBytes: () => 2 ** 34 },
  })

  it('that cannot be read are met', async () => {
    const rig = await aDoctorRig()
    const settings = { ...(await tlsSettings(rig)), tls_key_file: join(rig.directory, 'absent') }
    expect(await rig.complaints(settings)).toEqual([
      expect.stringMatching(/^fault tls_files: the TLS key cannot be read: ENOENT/),
    ])
  })

  it('that do not fit together are met', async () => {
    const rig = await aDoctorRig()
    const key = createCertificate('other', authority).keyPem
    expect(await rig.complaints(await tlsSettings(rig, { key }))).toEqual([
      expect.stringMatching(/^fault tls_files: the TLS files do not fit together/),
    ])
  })

  it.each([
    [
      'soon to expire',
      '2049-12-25T00:00:00Z',
      /^warning tls_expiry: the certificate in .* expires at 2049-12-31/,
    ],
    ['expired', '2050-01-01T00:00:00Z', /^fault tls_expiry: the certificate in .* expired at 2049-12-31/],
    [
      'not valid yet',
      '2024-12-31T00:00:00Z',
      /^fault tls_expiry: the certificate in .* only from 2025-01-01/,
    ],
  ])('with a certificate that is %s are met', async (_name, instant, words) => {
    const rig = await aDoctorRig()
    const complaints = await rig.complaints(await tlsSettings(rig), at(instant))
    expect(complaints[0]).toMatch(words)
    expect(complaints[1]).toMatch(/tls_expiry: the client authority in /)
  })

  it('with a key that everybody may read are met', async () => {
    const rig = await aDoctorRig()
    expect(await rig.complaints(await tlsSettings(rig, { keyMode: 0o644 }))).toEqual([
      expect.stringMatching(/^warning tls_key_mode: everybody .* may read .*key\.pem → chmod o-r/),
    ])
  })
})

describe('the key of attestations', () => {
  it('that cannot be read or used, or that everybody may read, is met', async () => {
    const rig = await aDoctorRig()
    const told = async (attestation_key_file: string) => rig.complaints({ attestation_key_file })
    expect(await told(await rig.file('good.pem', certificate.keyPem))).toEqual([])
    expect(await told(join(rig.directory, 'absent'))).toEqual([
      expect.stringMatching(/^fault attestation_key: attestation_key_file cannot be read: ENOENT/),
    ])
    expect(await told(await rig.file('empty.pem', ''))).toEqual([
      expect.stringMatching(/^fault attestation_key: .*neither PEM nor a JWK set/),
    ])
    expect(await told(await rig.file('open.pem', certificate.keyPem, 0o644))).toEqual([
      expect.stringMatching(/^warning attestation_key: everybody .* may read/),
    ])
  })
})

describe('memory', () => {
  it('that the cache may outgrow is met', async () => {
    const rig = await aDoctorRig()
    const machine = { nowMs: Date.now, memoryBytes: () => 512 * 1_048_576 }
    expect(await rig.complaints({ cache_max_size: '256MiB' }, { machine })).toEqual([])
    expect(await rig.complaints({ cache_max_size: '257MiB' }, { machine })).toEqual([
      expect.stringMatching(/^warning memory: cache_max_size lets the cache take 257 MiB of 512 MiB/),
    ])
  })
})

it('shadow mode for every key is met', async () => {
  const rig = await aDoctorRig()
  expect(await rig.complaints({ shadow_mode: 'on' })).toEqual([
    expect.stringMatching(/^warning shadow_mode: .* passes for every key, .* → set shadow_mode: off/),
  ])
})

describe('the file of an embedded store', () => {
  it('in a folder that is not there, or that is something else, is met', async () => {
    const rig = await aDoctorRig()
    const text = await rig.file('notes.txt', 'not a database at all')
    expect(await rig.complaints({ database_url: `sqlite:${rig.directory}/none/store.db` })).toEqual([
      expect.stringMatching(/^fault sqlite_file: the folder .*none does not exist → mkdir -p/),
    ])
    expect(await rig.complaints({ database_url: `sqlite:${text}` })).toEqual([
      expect.stringMatching(/^fault sqlite_file: .*notes\.txt is not an SQLite database/),
    ])
    expect(await rig.complaints({ database_url: 'sqlite::memory:' })).toEqual([
      expect.stringMatching(/^fault sqlite_file: ":memory:" names no file/),
    ])
  })

  it('on a network is met', async () => {
    const rig = await aDoctorRig()
    const { findings, canBeOpened } = examineSqliteFile(join(rig.directory, 'store.db'), () => 0x6969)
    expect({ canBeOpened, said: findings.map(({ state, found }) => `${state} ${found}`) }).toEqual({
      canBeOpened: false,
      said: [expect.stringMatching(/^fault .* is on NFS, where SQLite's locks/)],
    })
  })
})

describe('a configuration that is wrong', () => {
  it('is told, and what hangs on it is not looked at', async () => {
    const rig = await aDoctorRig()
    const findings = await rig.examine({ check_timeout: 'soon' })
    expect(findings.map(({ check, state }) => `${state} ${check}`)).toEqual([
      'fault configuration',
      'skipped store_reachable',
      'skipped envoy_file',
    ])
    expect(findings[0]?.found).toContain('--check-timeout: "soon" is not a duration')
  })
})
