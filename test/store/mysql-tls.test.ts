// TLS to the database: the server proves who it is by name, or nothing is said to it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClock } from '../../src/kernel/clock.ts'
import { openStore } from '../../src/store/store.ts'
import { createAuthority, createCertificate } from '../support/certificates.ts'
import type { MariadbServer } from '../support/mariadb.ts'
import { startMariadb } from '../support/mariadb.ts'

const clock = createClock()

let folder: string
let server: MariadbServer
let url: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latchkey-tls-'))
  const authority = createAuthority('right')
  const certificate = createCertificate('database', authority)
  await Promise.all([
    writeFile(join(folder, 'ca.pem'), authority.certPem),
    writeFile(join(folder, 'other.pem'), createAuthority('wrong').certPem),
    writeFile(join(folder, 'cert.pem'), certificate.certPem),
    writeFile(join(folder, 'key.pem'), certificate.keyPem),
  ])
  server = await startMariadb([
    `--ssl-cert=${join(folder, 'cert.pem')}`,
    `--ssl-key=${join(folder, 'key.pem')}`,
  ])
  url = (await server.freshDatabase()).replace('127.0.0.1', 'localhost')
})
afterAll(async () => {
  await server.stop()
  await rm(folder, { recursive: true })
})

const withCa = (name: string, target = url) => `${target}?ca=${encodeURIComponent(join(folder, name))}`

test('a server with a certificate of the named authority is spoken to, encrypted', async () => {
  await server.run("CREATE USER 'tls'@'127.0.0.1' IDENTIFIED BY 'tls' REQUIRE SSL")
  await server.run("GRANT ALL PRIVILEGES ON *.* TO 'tls'@'127.0.0.1'")
  const encrypted = url.replace('latchkey:latchkey@', 'tls:tls@')
  await expect(openStore({ url: encrypted, clock })).rejects.toMatchObject({ reason: 'store_unavailable' })
  const store = await openStore({ url: withCa('ca.pem', encrypted), clock })
  await store.migrate()
  await store.close()
})

test('a server of another authority is refused before anything secret is said', async () => {
  const outage = {
    name: 'Failure',
    reason: 'store_unavailable',
    message: expect.stringMatching(/certificate|issuer|signature/i) as string,
  }
  await expect(openStore({ url: withCa('other.pem'), clock })).rejects.toMatchObject(outage)
  await expect(openStore({ url: `${url}?tls=on`, clock })).rejects.toMatchObject(outage)
})

test('a certificate that is genuine but bears another name is refused', async () => {
  const named = createAuthority('elsewhere')
  await writeFile(join(folder, 'elsewhere.pem'), named.certPem)
  await writeFile(join(folder, 'elsewhere.key'), named.keyPem)
  const other = await startMariadb([
    `--ssl-cert=${join(folder, 'elsewhere.pem')}`,
    `--ssl-key=${join(folder, 'elsewhere.key')}`,
  ])
  try {
    const target = (await other.freshDatabase()).replace('127.0.0.1', 'localhost')
    await expect(openStore({ url: withCa('elsewhere.pem', target), clock })).rejects.toMatchObject({
      reason: 'store_unavailable',
      message: expect.stringContaining('altnames') as string,
    })
  } finally {
    await other.stop()
  }
})

test('a server that has no certificate is refused when TLS is asked for', async () => {
  const plain = await startMariadb(['--skip-ssl'])
  try {
    const target = (await plain.freshDatabase()).replace('127.0.0.1', 'localhost')
    await expect(openStore({ url: withCa('ca.pem', target), clock })).rejects.toMatchObject({
      reason: 'store_unavailable',
      message: expect.stringMatching(/secure connection|SSL/i) as string,
    })
  } finally {
    await plain.stop()
  }
})
