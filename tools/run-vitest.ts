// Runs vitest and counts its report.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Results } from './test-results.ts'
import { countResults } from './test-results.ts'

type VitestRun = Readonly<{
  /** Files, folders and options; empty: everything. */
  args: readonly string[]
  /** Where the JSON report goes. */
  report: string
  environment?: Readonly<Record<string, string>>
  /** After this time it is ended, and counts as failed. */
  limitMs?: number
}>

/** What vitest says goes to this process's output. */
export const runVitest = ({ args, report, environment = {}, limitMs }: VitestRun): Results => {
  mkdirSync(dirname(report), { recursive: true })
  rmSync(report, { force: true })
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const { status } = spawnSync('vitest', ['run', ...args, ...reporters], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...environment },
    timeout: limitMs,
  })
  return countResults(readReport(report), status === 0)
}

const readReport = (path: string): unknown => {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}
