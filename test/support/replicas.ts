// Latchkey as it is run: separate processes of `latchkey serve` on one store.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { TEST_TRANSPORT } from './transport.ts'

export type Replica = Readonly<{
  /** `unix:PATH` */
  address: string
  process: ChildProcess
  stop(): Promise<void>
}>

const LATCHKEY = resolve(import.meta.dirname, '../../bin/latchkey')

/**
 * Starts one replica and resolves when it says that it serves. Its log is in the error when it does not start. `program` is the
 * checkout's own unless it says otherwise.
 */
export const startReplica = async (
  directory: string,
  name: string,
  databaseUrl: string,
  env: Readonly<Record<string, string>> = {},
  program = LATCHKEY,
): Promise<Replica> => {
  const socket = join(directory, `${name}.sock`)
  const child = spawn(program, ['serve'], {
    env: {
      PATH: process.env['PATH'],
      HOME: directory,
      DATABASE_URL: databaseUrl,
      LATCHKEY_LISTEN: `unix:${socket}`,
      LATCHKEY_HEALTH_LISTEN: 'off',
      LATCHKEY_TRANSPORT: TEST_TRANSPORT,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  await serving(child)
  return { address: `unix:${socket}`, process: child, stop: () => stop(child) }
}

const serving = (child: ChildProcess): Promise<void> => {
  const started = Promise.withResolvers<void>()
  let log = ''
  const read = (chunk: Buffer) => {
    if (log.length > 100_000) return
    log += chunk.toString()
    if (/"msg":"serving"/.test(log)) started.resolve()
  }
  child.stdout?.on('data', read)
  child.stderr?.on('data', read)
  child.once('exit', (code) => started.reject(new Error(`latchkey serve ended with ${code}:\n${log}`)))
  return started.promise
}

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}
