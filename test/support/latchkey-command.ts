// Runs `latchkey` as people do: a process of its own, with an environment that holds only what the test gives.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { TEST_TRANSPORT } from './transport.ts'

export type Ran = Readonly<{ code: number | null; stdout: string; stderr: string }>

export type RunOptions = Readonly<{
  env?: Readonly<Record<string, string>>
  /** Where it runs, and where a relative path of a store leads. */
  directory: string
  stdin?: string
}>

const LATCHKEY = resolve(import.meta.dirname, '../../bin/latchkey')

/** Node keeps what it compiled here, by content, which nearly halves the start of each of some 150 processes. */
export const COMPILE_CACHE = resolve(import.meta.dirname, '../../.cache/node-compile')

export const startLatchkey = (args: readonly string[], { env = {}, directory }: RunOptions): ChildProcess =>
  spawn(LATCHKEY, args, {
    cwd: directory,
    env: {
      PATH: process.env['PATH'],
      HOME: directory,
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      LATCHKEY_TRANSPORT: TEST_TRANSPORT,
      ...env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  })

/** Resolves when the process has ended. */
export const runLatchkey = async (args: readonly string[], options: RunOptions): Promise<Ran> => {
  const child = startLatchkey(args, options)
  const { stdin, stdout, stderr } = child
  if (stdin === null || stdout === null || stderr === null) throw new Error('all three streams are pipes')
  stdin.end(options.stdin ?? '')
  const [output, errors] = await Promise.all([text(stdout), text(stderr), once(child, 'close')])
  return { code: child.exitCode, stdout: output, stderr: errors }
}
