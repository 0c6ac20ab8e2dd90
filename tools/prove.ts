// Runs every guarantee with full counts, one case after the other, and writes docs/proof.md; what passed is not run again.
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Figure } from '../test/support/figures.ts'
import { commitOfTree } from './commit.ts'
import { ensureEnvoys, ensureGalera, ensureMariadb } from './needs.ts'
import type { CaseResult, ProvedCase } from './proof-page.ts'
import { writeProof } from './proof-page.ts'
import type { Case } from './prove-cases.ts'
import { CASES, takes } from './prove-cases.ts'
import { ensurePythonSdks } from './python-sdks.ts'
import { runVitest } from './run-vitest.ts'
import { say } from './say.ts'

const CASE_LIMIT_MS = 10 * 60_000

const commit = commitOfTree()
const kept = join('.cache', 'prove', commit)
mkdirSync(kept, { recursive: true })

const prove = (one: Case): CaseResult => {
  const earlier = readResult(one)
  if (earlier?.failed === 0 && earlier.passed > 0) {
    say(`${one.name}: passed earlier at ${commit}`)
    return earlier
  }
  say(`${one.name}: ${one.guarantee} …`)
  const result = run(one)
  writeFileSync(join(kept, `${one.name}.json`), `${JSON.stringify(result, undefined, 2)}\n`)
  say(`${one.name}: ${result.passed} passed, ${result.failed} failed, ${result.seconds} s`)
  return result
}

const run = (one: Case): CaseResult => {
  const scratch = mkdtempSync(join(kept, `${one.name}-`))
  const startedMs = performance.now()
  const only = one.only === undefined ? [] : ['--testNamePattern', one.only]
  const files = globSync('test/**/*.test.ts').filter((path) => takes(one, path))
  const counted = runVitest({
    args: [...files, ...only, `--testTimeout=${CASE_LIMIT_MS}`],
    report: join(scratch, 'report.json'),
    environment: { ...one.environment, LATCHKEY_PROVE: '1', LATCHKEY_FIGURES: join(process.cwd(), scratch) },
    limitMs: CASE_LIMIT_MS,
  })
  const figures = globSync(join(scratch, '*.jsonl')).flatMap(readFigures)
  rmSync(scratch, { recursive: true })
  return { name: one.name, ...counted, seconds: Math.round((performance.now() - startedMs) / 1000), figures }
}

const readFigures = (path: string): Figure[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line): Figure => JSON.parse(line))

/** What passed at the last commit before this one that was proved here: told with that commit. */
const passedBefore = (one: Case, ancestors: readonly string[]): ProvedCase | undefined => {
  for (const earlier of ancestors) {
    const result = readResult(one, join('.cache', 'prove', earlier))
    if (result?.failed === 0 && result.passed > 0) return { ...result, commit: earlier }
  }
  return undefined
}

const readResult = (one: Case, from = kept): CaseResult | undefined => {
  const path = join(from, `${one.name}.json`)
  if (!existsSync(path)) return undefined
  const found: CaseResult = JSON.parse(readFileSync(path, 'utf8'))
  return found
}

const wanted = process.argv[2]
const chosen = wanted === undefined ? CASES : CASES.filter(({ name }) => name === wanted)
if (chosen.length === 0) {
  say(`there is no case ${wanted}; there are ${CASES.map(({ name }) => name).join(', ')}`)
  process.exit(64)
}
ensureMariadb()
ensureGalera()
await ensureEnvoys('all')
ensurePythonSdks()
for (const one of chosen) prove(one)
const results = CASES.map((one) => readResult(one))
const ancestors = execFileSync('git', ['rev-list', '--abbrev-commit', '--abbrev=12', 'HEAD'], {
  encoding: 'utf8',
}).split('\n')
const provedHere = ancestors.filter(
  (earlier) => earlier !== '' && existsSync(join('.cache', 'prove', earlier)),
)
const told = CASES.map((one, index) => {
  const result = results[index]
  return result === undefined ? passedBefore(one, provedHere) : { ...result, commit }
})
writeProof(commit, told)
const passed = results.reduce((sum, result) => sum + (result?.passed ?? 0), 0)
const failed = results.reduce((sum, result) => sum + (result?.failed ?? 0), 0)
process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1
