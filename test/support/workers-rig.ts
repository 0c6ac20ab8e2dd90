// `latchkey serve` with several workers, in processes of their own on one shared store, until the test is over.
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Store } from '../../src/store/store.ts'
import { startLatchkey } from './latchkey-command.ts'
import { until } from './until.ts'

export type Workers = Readonly<{
  /** Of the supervisor. */
  pid: number
  /** `unix:PATH` of one worker. */
  addressOf(worker: number): string
  /** Process ids that this worker had, oldest first. */
  pidsOf(worker: number): readonly number[]
  /** Of the first worker, when the health listener is on. */
  health(path: string): Promise<Response>
  log: readonly LogLine[]
  /** Whatever it complained of. */
  errors: readonly string[]
  /** Resolves when so many workers have said that they serve, since the beginning. */
  untilServing(count: number): Promise<void>
  kill(signal: NodeJS.Signals): void
  /** Resolves with the exit code of the supervisor, or the signal that ended it. */
  ended: Promise<number | NodeJS.Signals | null>
  /** Ends all of them without a word. */
  close(): Promise<void>
}>

export type LogLine = Readonly<Record<string, unknown> & { msg: string }>

export type WorkersOptions = Readonly<{
  directory: string
  databaseUrl: string
  workers?: number
  env?: Readonly<Record<string, string>>
}>

/** Its workers listen at `latchkey.sock.0` and so on in the directory. */
export const startWorkers = ({ directory, databaseUrl, workers = 2, env = {} }: WorkersOptions): Workers => {
  const socket = join(directory, 'latchkey.sock')
  const child = startLatchkey(['serve'], {
    directory,
    env: {
      DATABASE_URL: databaseUrl,
      LATCHKEY_WORKERS: `${workers}`,
      LATCHKEY_LISTEN: `unix:${socket}`,
      LATCHKEY_HEALTH_LISTEN: '127.0.0.1:0',
      LATCHKEY_DRAIN_DELAY: '0ms',
      ...env,
    },
  })
  const log: LogLine[] = []
  const errors: string[] = []
  if (child.stdout === null || child.stderr === null) throw new Error('its streams are pipes')
  createInterface(child.stdout).on('line', (line) => log.push(JSON.parse(line) as LogLine))
  createInterface(child.stderr).on('line', (line) => errors.push(line))
  let over = false
  // Closed when the last worker has closed its end, too.
  const closed = once(child, 'close')
  const ended = once(child, 'exit').then(() => {
    over = true
    return child.exitCode ?? child.signalCode
  })
  const told = (msg: string) => log.filter((line) => line.msg === msg)
  const pidsOf = (worker: number) =>
    told('worker started')
      .filter((line) => line['worker'] === worker)
      .map(({ pid }) => Number(pid))
  return {
    pid: child.pid ?? 0,
    addressOf: (worker) => `unix:${socket}.${worker}`,
    pidsOf,
    health: (path) => {
      const line = told('serving').findLast(({ worker }) => worker === 0)
      return fetch(`http://${String(line?.['health'])}${path}`)
    },
    log,
    errors,
    untilServing: async (count) => {
      await until(() => over || told('serving').length >= count)
      if (over)
        throw new Error(
          `latchkey serve ended:\n${[...errors, ...log.map((line) => JSON.stringify(line))].join('\n')}`,
        )
    },
    kill: (signal) => void child.kill(signal),
    ended,
    close: async () => {
      child.kill('SIGKILL')
      for (const pid of Array.from({ length: workers }, (_, worker) => pidsOf(worker)).flat()) killNow(pid)
      await closed
    },
  }
}

/** Of two, in the directory. */
export const WORKER_SOCKETS = ['latchkey.sock.0', 'latchkey.sock.1']

export const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const killNow = (pid: number): void => {
  if (isAlive(pid)) process.kill(pid, 'SIGKILL')
}

/** Units of the key's one limit. */
export const usedOf = async ({ limitBook }: Store, keyId: string): Promise<number | undefined> =>
  (await limitBook.listLimits(keyId))[0]?.used
