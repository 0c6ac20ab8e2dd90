// Runs the load of a measurement, keeps processes on their cores, and reads how much of a core they used.
import { fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { START } from './load-program.ts'

type Program = 'load-checks.ts' | 'load-http.ts' | 'load-open.ts' | 'load-quota.ts'

/** Runs a load program to its end; `core` is where it may run. */
export const runLoad = async <Result>(
  program: Program,
  load: object,
  core: number | undefined,
): Promise<Result> => {
  const [result] = await runLoads<Result>(program, [load], core)
  if (result === undefined) throw new Error(`${program} sent no result`)
  return result
}

/** One process for each load; they start together, when all of them are ready. */
export const runLoads = async <Result>(
  program: Program,
  loads: readonly object[],
  core: number | undefined,
): Promise<readonly Result[]> => {
  const running = loads.map((load) => startProgram(program, load, core))
  try {
    await Promise.all(running.map(({ answer }) => answer()))
    const results = running.map(({ answer }) => answer<Result>())
    for (const { child } of running) child.send(START)
    const answers = await Promise.all(results)
    await Promise.all(running.map(({ ended }) => ended))
    return answers
  } finally {
    for (const { child } of running) child.kill()
  }
}

const startProgram = (program: Program, load: object, core: number | undefined) => {
  const child = fork(resolve(import.meta.dirname, program))
  if (core !== undefined) pin(child.pid ?? 0, core)
  const ended = once(child, 'exit')
  const failed = ended.then(([code]) => {
    throw new Error(`${program} ended with ${code} and no result`)
  })
  failed.catch(() => {})
  child.send(load)
  const answer = async <Answer>(): Promise<Answer> => {
    const [message]: Answer[] = await Promise.race([once(child, 'message'), failed])
    if (message === undefined) throw new Error(`${program} sent nothing`)
    return message
  }
  return { child, ended, answer }
}

const canPin = spawnSync('taskset', ['--version']).status === 0

/** Keeps every thread of a process on one core. Returns false where that cannot be done. */
export const pin = (pid: number, core: number): boolean => runOn(pid, `${core}`)

/** Lets it run on every core again. */
export const unpin = (pid: number): boolean => runOn(pid, `0-${availableParallelism() - 1}`)

const runOn = (pid: number, cores: string): boolean =>
  canPin && spawnSync('taskset', ['-acp', cores, `${pid}`]).status === 0

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

/** Bytes of memory that a process holds now; not a number where /proc does not say. */
export const residentBytes = (pid: number): number => {
  try {
    const [, kib] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Number(kib) * 1_024
  } catch {
    return Number.NaN
  }
}
