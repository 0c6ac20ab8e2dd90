// Measures every number that the README states; writes docs/benchmarks.md and the README's table.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startMariadb } from '../test/support/mariadb.ts'
import { commitOfTree } from '../tools/commit.ts'
import { ensureMariadb } from '../tools/needs.ts'
import { say } from '../tools/say.ts'
import { benchmarksPage, withFigures } from './benchmarks-page.ts'
import { measureChecks } from './checks.ts'
import { measureEnvoy } from './envoy.ts'
import { measureQuotas } from './quota.ts'

const ROUNDS = 5

const commit = commitOfTree()
ensureMariadb()
const directory = await mkdtemp(join(tmpdir(), 'latchkey-bench-'))
const mariadb = await startMariadb()
try {
  const checks = await measureChecks({ directory, mariadb, rounds: ROUNDS }, say)
  const quotas = await measureQuotas({ directory, mariadb, rounds: ROUNDS }, say)
  const { version, figures } = await measureEnvoy({ directory, rounds: ROUNDS }, say)
  const measured = {
    commit,
    rounds: ROUNDS,
    ...checks,
    quotas,
    envoyVersion: version,
    envoy: figures,
  }
  const page = benchmarksPage(measured)
  await writeFile('docs/benchmarks.md', page)
  await writeFile('README.md', withFigures(await readFile('README.md', 'utf8'), measured))
  process.stdout.write(page)
} finally {
  await mariadb.stop()
  await rm(directory, { recursive: true, force: true })
}
