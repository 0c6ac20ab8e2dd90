// What `npm pack` ships, installed elsewhere, is a whole Latchkey: it has help, makes a key, serves, and answers a Check.
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCheckClient, summarise } from '../support/check-client.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { startReplica } from '../support/replicas.ts'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '../..')

let directory: string
let program: string
let databaseUrl: string
let packed: readonly string[]
// The pinned Node, as an operator would have it: an older one on the machine is not what is tested.
const environment = { PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH']}` }

const latchkey = (...args: readonly string[]) =>
  run(program, [...args], {
    env: { ...environment, HOME: directory, DATABASE_URL: databaseUrl },
    cwd: directory,
  })

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'latchkey-pack-'))
  program = join(directory, 'node_modules/.bin/latchkey')
  databaseUrl = `sqlite:${join(directory, 'latchkey.db')}`
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', directory], { cwd: root })
  const [{ files }]: [{ files: { path: string }[] }] = JSON.parse(stdout.slice(stdout.indexOf('[\n')))
  packed = files.map(({ path }) => path)
  const tarball = (await readdir(directory)).find((name) => name.endsWith('.tgz')) ?? ''
  await run('npm', ['init', '--yes'], { cwd: directory })
  // What the checkout has fetched is taken from npm's cache.
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', `./${tarball}`], {
    cwd: directory,
  })
}, 300_000)

afterAll(() => rm(directory, { recursive: true, force: true }))

describe('the packed tarball', () => {
  it('ships what runs and what an operator reads, and no sources, tests or tools', () => {
    const folders = new Set(packed.map((path) => path.split('/')[0] ?? ''))
    expect([...folders].sort()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'SECURITY.md',
      'bin',
      'dist',
      'docs',
      'envoy',
      'migrations',
      'package.json',
    ])
    expect(packed.filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))).toEqual([])
  })

  it('has help', async () => {
    const { stdout } = await latchkey('--help')
    for (const command of ['serve', 'migrate', 'keys', 'owners', 'explain', 'demo'])
      expect(stdout).toContain(command)
  })

  it('makes a key, serves, answers a Check over gRPC with it, and stops when told', {
    timeout: 60_000,
  }, async () => {
    const { stdout } = await latchkey('keys', 'create', '--name', 'packed', '--limit', 'requests=1/total')
    const request = () => aCheckRequest({ headers: [['authorization', `Bearer ${stdout.trim()}`]] })
    const server = await startReplica(directory, 'packed', databaseUrl, environment, program)
    const client = createCheckClient(server.address)
    try {
      expect(summarise(await client.check(request()))).toMatchObject({ allowed: true })
      expect(summarise(await client.check(request()))).toMatchObject({
        httpStatus: 429,
        reason: 'quota_exhausted',
      })
    } finally {
      client.close()
      await server.stop()
    }
    expect(server.process.exitCode).toBe(0)
  })
})
