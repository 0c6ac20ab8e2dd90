// Everything that must hold before a change lands: lint, types, every test; the last line says how many passed.
import { spawnSync } from 'node:child_process'
import { ensureEnvoys, ensureGalera, ensureMariadb } from './needs.ts'
import { ensurePythonSdks } from './python-sdks.ts'
import { runVitest } from './run-vitest.ts'
import { say } from './say.ts'

const STEPS: readonly (readonly string[])[] = [
  ['biome', 'check', '--error-on-warnings', '.'],
  ['oxlint'],
  ['tsc', '--noEmit', '-p', '.'],
]

const passes = ([program = '', ...args]: readonly string[]): boolean => {
  say(`${[program, ...args].join(' ')} …`)
  return spawnSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'] }).status === 0
}

const prepare = async (): Promise<string | undefined> => {
  try {
    ensureMariadb()
    ensureGalera()
    await ensureEnvoys('ends')
    ensurePythonSdks()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const missing = await prepare()
if (missing !== undefined) say(missing)
const failedSteps = STEPS.filter((step) => !passes(step))
say('vitest run …')
// Without a database or an Envoy most suites could only fail for the same reason, at length.
const tests =
  missing === undefined
    ? runVitest({ args: [], report: '.cache/test-report.json' })
    : { passed: 0, failed: 1, skipped: 0 }

// Said once more where it is seen: the tests have pushed it off the screen.
for (const step of failedSteps) say(`failed: ${step.join(' ')}`)
if (missing !== undefined) say(`no test ran: ${missing}`)
const passed = tests.passed + STEPS.length - failedSteps.length
const failed = tests.failed + failedSteps.length
const skipped = tests.skipped > 0 ? `, ${tests.skipped} skipped` : ''
process.stdout.write(`${passed} passed, ${failed} failed${skipped}\n`)
process.exitCode = failed === 0 ? 0 : 1
