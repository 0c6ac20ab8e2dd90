// Runs the load of a measurement, keeps processes on their cores, and reads how much of a core they used.
import { fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

/** Runs a load program to its end; `core` is where it may run. */
export const runLoad = async <Result>(
  program: 'load-checks.ts' | 'load-http.ts',
  load: object,
  core: number | undefined,
): Promise<Result> => {
  const child = fork(resolve(import.meta.dirname, program))
  if (core !== undefined) pin(child.pid ?? 0, core)
  const answered = once(child, 'message')
  const failed = once(child, 'exit').then(([code]) => {
    throw new Error(`${program} ended with ${code} and no result`)
  })
  child.send(load)
  const [result]: Result[] = await Promise.race([answered, failed])
  await failed.catch(() => {})
  if (result === undefined) throw new Error(`${program} sent no result`)
  return result
}

const canPin = spawnSync('taskset', ['--version']).status === 0

/** Keeps every thread of a process on one core. Returns false where that cannot be done. */
export const pin = (pid: number, core: number): boolean =>
  canPin && spawnSync('taskset', ['-acp', `${core}`, `${pid}`]).status === 0

// Linux counts in hundredths of a second whatever the kernel ticks in (USER_HZ).
const TICKS_PER_SECOND = 100

/** Processor seconds that a process has used, all threads; undefined where /proc does not say. */
export const cpuSeconds = (pid: number): number | undefined => {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  } catch {
    return undefined
  }
}
