// Everything that must hold before a change lands: lint, types, every test; the last line says how many passed.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { ensureEnvoys, ensureMariadb } from './needs.ts'
import { say } from './say.ts'
import type { Results } from './test-results.ts'
import { countResults } from './test-results.ts'

const REPORT = '.cache/test-report.json'

const run = (title: string, command: string, args: readonly string[]): boolean => {
  say(title)
  return spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] }).status === 0
}

const runTests = (): Results => {
  mkdirSync('.cache', { recursive: true })
  rmSync(REPORT, { force: true })
  const clean = run('tests …', 'vitest', [
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${REPORT}`,
  ])
  return countResults(readReport(), clean)
}

const readReport = (): unknown => {
  try {
    return JSON.parse(readFileSync(REPORT, 'utf8'))
  } catch {
    return undefined
  }
}

const prepare = async (): Promise<boolean> => {
  try {
    ensureMariadb()
    await ensureEnvoys('ends')
    return true
  } catch (error) {
    say(error instanceof Error ? error.message : String(error))
    return false
  }
}

const prepared = await prepare()
const steps = [
  run('lint (biome) …', 'biome', ['check', '--error-on-warnings', '.']),
  run('lint with types (oxlint) …', 'oxlint', []),
  run('types …', 'tsc', ['--noEmit', '-p', '.']),
]
// Without a database or an Envoy most suites could only fail for the same reason, at length.
const tests = prepared ? runTests() : { passed: 0, failed: 1, skipped: 0 }
const passed = tests.passed + steps.filter((ok) => ok).length
const failed = tests.failed + steps.filter((ok) => !ok).length
const skipped = tests.skipped > 0 ? `, ${tests.skipped} skipped` : ''
process.stdout.write(`${passed} passed, ${failed} failed${skipped}\n`)
process.exitCode = failed === 0 ? 0 : 1
