// Measures every number that the README states, in one run or part by part; writes docs/benchmarks.md and the README's table.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startMariadb } from '../test/support/mariadb.ts'
import { commitOfTree } from '../tools/commit.ts'
import { ensureMariadb } from '../tools/needs.ts'
import { say } from '../tools/say.ts'
import { benchmarksPage } from './benchmarks-page.ts'
import { keepPart, keptPart } from './kept.ts'
import type { Bench, Part } from './parts.ts'
import { isPart, PART_NAMES, PARTS } from './parts.ts'
import { withFigures } from './readme-figures.ts'

/** Few where a round is long, for all of it is to take ten minutes at most. */
const ROUNDS: Readonly<Record<Part, number>> = {
  lane: 5,
  phases: 1,
  checks: 3,
  quotas: 3,
  envoy: 5,
  startup: 11,
  workers: 3,
}

const measure = async (commit: string, parts: readonly Part[]): Promise<void> => {
  ensureMariadb()
  const directory = await mkdtemp(join(tmpdir(), 'latchkey-bench-'))
  const mariadb = await startMariadb()
  try {
    for (const part of parts)
      await measurePart(commit, part, { directory: await mkdtemp(join(directory, `${part}-`)), mariadb })
  } finally {
    await mariadb.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

const measurePart = async <Name extends Part>(
  commit: string,
  name: Name,
  place: Omit<Bench, 'rounds'>,
): Promise<void> => {
  const bench = { ...place, rounds: ROUNDS[name] }
  const beganMs = performance.now()
  const figures = await PARTS[name](bench, say)
  keepPart(commit, name, { rounds: bench.rounds, figures })
  say(`${name}: measured in ${Math.round((performance.now() - beganMs) / 1_000)} s`)
}

const wanted = process.argv[2]
if (wanted !== undefined && !isPart(wanted)) {
  say(`there is no part ${wanted}; there are ${PART_NAMES.join(', ')}`)
  process.exit(64)
}
const commit = commitOfTree()
const missing = PART_NAMES.filter((name) => keptPart(commit, name) === undefined)
const parts = wanted === undefined ? missing : [wanted]
if (parts.length > 0) await measure(commit, parts)
const page = benchmarksPage(commit)
await writeFile('docs/benchmarks.md', page)
await writeFile('README.md', withFigures(await readFile('README.md', 'utf8'), commit))
process.stdout.write(page)
