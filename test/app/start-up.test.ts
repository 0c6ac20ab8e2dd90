// What a process loads when it starts: what it will use, and nothing else.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startReplica } from '../support/replicas.ts'

const HOOK = resolve(import.meta.dirname, '../../bench/list-modules.ts')

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'latchkey-start-up-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

/** The packages of which a file was loaded between the start and the end of `latchkey serve` on SQLite. */
const packagesLoaded = async (env: Readonly<Record<string, string>>): Promise<ReadonlySet<string>> => {
  const list = join(directory, 'loaded')
  const hook = { NODE_OPTIONS: `--import=${HOOK}`, BENCH_LOADED_MODULES: list }
  const replica = await startReplica(directory, 'r', `sqlite:${join(directory, 'latchkey.db')}`, {
    LATCHKEY_DRAIN_DELAY: '0ms',
    ...hook,
    ...env,
  })
  await replica.stop()
  const loaded = await readFile(list, 'utf8')
  return new Set(
    Array.from(loaded.matchAll(/node_modules\/((?:@[^/]+\/)?[^/]+)\//g), ([, name = '']) => name),
  )
}

describe('a start', { timeout: 60_000 }, () => {
  it('with the lane on SQLite loads neither grpc-js nor the driver of MariaDB', async () => {
    const packages = await packagesLoaded({ LATCHKEY_TRANSPORT: 'lane' })
    expect(packages).toContain('kysely')
    for (const unused of ['@grpc/grpc-js', 'mysql2', '@opentelemetry/sdk-node'])
      expect(packages).not.toContain(unused)
  })

  it('loads what makes the metrics page where somebody can ask for it, and nowhere else', async () => {
    const maker = '@opentelemetry/sdk-metrics'
    expect(await packagesLoaded({ LATCHKEY_HEALTH_LISTEN: '127.0.0.1:0' })).toContain(maker)
    await rm(join(directory, 'loaded'))
    expect(await packagesLoaded({ LATCHKEY_HEALTH_LISTEN: 'off' })).not.toContain(maker)
  })

  it('with grpc-js loads it', async () => {
    expect(await packagesLoaded({ LATCHKEY_TRANSPORT: 'grpc-js' })).toContain('@grpc/grpc-js')
  })
})
