// The official SDKs of Python that tests speak to Latchkey with: installed once, below the checkout, for the Python that is here.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { say } from './say.ts'

/**
 * The folder to name in PYTHONPATH. Throws an Error that names the command when something is missing. Safe in several
 * processes at once.
 */
export const ensurePythonSdks = (): string => {
  const version = pythonVersion()
  const listed = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex').slice(0, 12)
  const path = join(CACHE, `${version}-${listed}`)
  if (existsSync(path)) return path
  say('installing the Python SDKs (pip), which takes some twenty seconds …')
  mkdirSync(CACHE, { recursive: true })
  const scratch = mkdtempSync(join(CACHE, 'new-'))
  try {
    // Into a folder, so that neither venv nor the right to change the system's own packages is needed.
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', scratch]
    // What is not pinned there would be another version tomorrow, so nothing else is installed.
    const { status, stderr } = python([...install, '--no-deps', '--requirement', REQUIREMENTS])
    if (status !== 0) throw new Error(`pip could not install the Python SDKs: ${lastLine(stderr)} ${ADVICE}`)
    keep(scratch, path)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  return path
}

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const REQUIREMENTS = join(ROOT, 'test', 'sdks', 'requirements.txt')
const CACHE = join(ROOT, '.cache', 'python-sdks')
const ADVICE = 'Try: python3 -m pip download --no-deps --dest . --requirement test/sdks/requirements.txt'
const OLDEST = 11

/** Compiled wheels are of one version of Python, so it is part of the folder's name. */
const pythonVersion = (): string => {
  const { status, stdout } = python(['-c', 'import sys; print(*sys.version_info[:2], sep=".")'])
  if (status !== 0)
    throw new Error('Python 3 is missing. Install it with: apt-get install python3 python3-pip')
  const version = stdout.trim()
  if (Number(version.split('.')[1]) < OLDEST)
    throw new Error(`The SDKs need Python 3.${OLDEST} or newer; python3 is ${version}.`)
  if (python(['-m', 'pip', '--version']).status !== 0)
    throw new Error('Python has no pip. Install it with: apt-get install python3-pip')
  return version
}

const python = (args: readonly string[]) => spawnSync('python3', args, { encoding: 'utf8' })

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? ''

/** Whoever comes second finds the same thing there already. */
const keep = (scratch: string, path: string): void => {
  try {
    renameSync(scratch, path)
  } catch (error) {
    if (!existsSync(path)) throw error
  }
}
