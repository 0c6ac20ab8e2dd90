// How long a start takes and how much memory it needs, over either transport, and which packages are loaded by then.
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { startLatchkey } from './asked.ts'
import { prepareStore } from './prepare-store.ts'
import { cpuSeconds, residentBytes } from './processes.ts'
import { createRounds } from './rounds.ts'
import type { Spread } from './statistics.ts'

export type StartupFigures = Readonly<{
  starts: readonly Readonly<{ name: string; ms: Spread; cpuMs: Spread; mib: Spread }>[]
  /** How many files of each package are loaded when Latchkey says that it serves, on SQLite. */
  packages: readonly Readonly<{ name: string; files: Readonly<Record<'lane' | 'grpc-js', number>> }>[]
}>

const TRANSPORTS = ['lane', 'grpc-js'] as const
const LATCHKEY = resolve(import.meta.dirname, '../bin/latchkey')
const HOOK = resolve(import.meta.dirname, 'list-modules.ts')

export const measureStartup = async (
  { directory, rounds: starts }: Readonly<{ directory: string; rounds: number }>,
  say: (sentence: string) => void,
): Promise<StartupFigures> => {
  const url = `sqlite:${join(directory, 'startup.db')}`
  await prepareStore(url, { keys: [[]] })
  const rounds = createRounds()
  say(`Starts, ${starts} of each`)
  for (let round = 0; round < starts; round += 1) {
    for (const transport of TRANSPORTS) {
      const beganMs = performance.now()
      const { pid, stop } = await startLatchkey(transport, directory, url)
      rounds.add(`${transport}: ms`, performance.now() - beganMs)
      rounds.add(`${transport}: cpu`, (cpuSeconds(pid) ?? Number.NaN) * 1_000)
      rounds.add(`${transport}: mib`, residentBytes(pid) / 2 ** 20)
      await stop()
    }
    const beganMs = performance.now()
    spawnSync(LATCHKEY, ['--version'])
    rounds.add('version: ms', performance.now() - beganMs)
  }
  const start = (name: string, series: string) => ({
    name,
    ms: rounds.spread(`${series}: ms`),
    cpuMs: rounds.spread(`${series}: cpu`),
    mib: rounds.spread(`${series}: mib`),
  })
  return {
    starts: [
      start('until it serves, lane', 'lane'),
      start('until it serves, grpc-js', 'grpc-js'),
      start('latchkey --version, to its end', 'version'),
    ],
    packages: await loadedPackages(directory, url),
  }
}

const loadedPackages = async (directory: string, url: string): Promise<StartupFigures['packages']> => {
  const counts = new Map<string, Record<'lane' | 'grpc-js', number>>()
  for (const transport of TRANSPORTS) {
    const list = join(await mkdtemp(join(directory, 'modules-')), 'list')
    const env = { NODE_OPTIONS: `--import=${HOOK}`, BENCH_LOADED_MODULES: list }
    const { stop } = await startLatchkey(transport, directory, url, env)
    const loaded = await readFile(list, 'utf8')
    await stop()
    for (const path of new Set(loaded.split('\n').filter(Boolean))) {
      const name = packageOf(path)
      const files = counts.get(name) ?? { lane: 0, 'grpc-js': 0 }
      files[transport] += 1
      counts.set(name, files)
    }
  }
  return [...counts]
    .map(([name, files]) => ({ name, files }))
    .toSorted((a, b) => b.files['grpc-js'] - a.files['grpc-js'])
}

const packageOf = (url: string): string =>
  /^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? 'Latchkey itself'
