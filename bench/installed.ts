// Latchkey as it is installed: compiled, without sources, so that nothing is measured which no operator runs.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '..')
const INSTALLED = join(ROOT, '.cache/bench/installed')
/** Of what the package ships, what serving needs. */
const PARTS = ['bin', 'dist', 'migrations', 'package.json']

let program: string | undefined

/** The path of its `latchkey`; made anew once in each process, beside the packages of this checkout. */
export const installedLatchkey = (): string => {
  if (program !== undefined) return program
  const { status, stderr } = spawnSync('node', ['tools/build.ts'], { cwd: ROOT, encoding: 'utf8' })
  if (status !== 0) throw new Error(`the package could not be built: ${stderr}`)
  rmSync(INSTALLED, { recursive: true, force: true })
  mkdirSync(INSTALLED, { recursive: true })
  for (const part of PARTS) cpSync(join(ROOT, part), join(INSTALLED, part), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(INSTALLED, 'node_modules'))
  program = join(INSTALLED, 'bin/latchkey')
  return program
}
