// What `npm pack` ships, installed elsewhere, is a whole Latchkey: it has help, makes a key, serves, and answers a Check.
import type { ChildProcess } from 'node:child_process'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCheckClient, summarise } from '../support/check-client.ts'
import { aCheckRequest } from '../support/check-requests.ts'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '../..')

let directory: string
let packed: readonly string[]
let environment: Record<string, string | undefined>

const latchkey = (...args: readonly string[]) =>
  run(join(directory, 'node_modules/.bin/latchkey'), [...args], { env: environment, cwd: directory })

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'latchkey-pack-'))
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', directory], { cwd: root })
  const [{ files }]: [{ files: { path: string }[] }] = JSON.parse(stdout.slice(stdout.indexOf('[\n')))
  packed = files.map(({ path }) => path)
  const tarball = (await readdir(directory)).find((name) => name.endsWith('.tgz')) ?? ''
  await run('npm', ['init', '--yes'], { cwd: directory })
  // What the checkout has fetched is taken from npm's cache.
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', `./${tarball}`], {
    cwd: directory,
  })
  environment = {
    // The pinned Node, as an operator would have it: an older one on the machine is not what is tested.
    PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH']}`,
    HOME: directory,
    DATABASE_URL: `sqlite:${join(directory, 'latchkey.db')}`,
    LATCHKEY_LISTEN: `unix:${join(directory, 'latchkey.sock')}`,
    LATCHKEY_HEALTH_LISTEN: 'off',
    LATCHKEY_DRAIN_DELAY: '0ms',
  }
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
    const server = spawn(join(directory, 'node_modules/.bin/latchkey'), ['serve'], {
      env: environment,
      stdio: 'pipe',
    })
    const client = createCheckClient(`unix:${join(directory, 'latchkey.sock')}`)
    try {
      await serving(server)
      expect(summarise(await client.check(request()))).toMatchObject({ allowed: true })
      expect(summarise(await client.check(request()))).toMatchObject({
        httpStatus: 429,
        reason: 'quota_exhausted',
      })
    } finally {
      client.close()
      const exited = once(server, 'exit')
      server.kill('SIGTERM')
      expect(await exited).toEqual([0, null])
    }
  })
})

const serving = (server: ChildProcess): Promise<void> => {
  const { promise, resolve: begin, reject } = Promise.withResolvers<void>()
  let log = ''
  const read = (chunk: Buffer) => {
    log += chunk.toString()
    if (log.includes('"msg":"serving"')) begin()
  }
  server.stdout?.on('data', read)
  server.stderr?.on('data', read)
  server.once('exit', (code) => reject(new Error(`latchkey serve ended with ${code}:\n${log}`)))
  return promise
}
