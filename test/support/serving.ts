// `latchkey serve` in a process of its own, until the test is over.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { startLatchkey } from './latchkey-command.ts'

export type Serving = Readonly<{
  process: ChildProcess
  address: string
  healthAddress: string
  /** Lines of the log so far. */
  log: readonly string[]
  /** Resolves with the exit code, or the signal that ended it. */
  ended: Promise<number | NodeJS.Signals | null>
}>

/** Resolves when it says that it serves; on free loopback ports. */
export const startServing = async (
  directory: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Serving> => {
  const child = startLatchkey(['serve', '--listen', '127.0.0.1:0', '--health-listen', '127.0.0.1:0'], {
    directory,
    env,
  })
  const ended = once(child, 'close').then(() => child.exitCode ?? child.signalCode)
  if (child.stdout === null || child.stderr === null) throw new Error('its streams are pipes')
  const log: string[] = []
  createInterface(child.stderr).on('line', (line) => log.push(line))
  const said = Promise.withResolvers<{ address: string; health: string }>()
  createInterface(child.stdout).on('line', (line) => {
    log.push(line)
    const { msg, address = '', health = '' } = JSON.parse(line) as Partial<Record<string, string>>
    if (msg === 'serving') said.resolve({ address, health })
  })
  const neverSaid = ended.then((code) => {
    throw new Error(`latchkey serve ended with ${code}:\n${log.join('\n')}`)
  })
  const { address, health } = await Promise.race([said.promise, neverSaid])
  return { process: child, address, healthAddress: health, log, ended }
}
