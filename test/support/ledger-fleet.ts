// Several processes that charge the same quotas at once, and what became of each unit that any of them asked for.
import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Observed, PlanTally, Tally } from './ledger-tally.ts'
import { readTally } from './ledger-tally.ts'
import type { LedgerOrder, ToWorker } from './ledger-worker.ts'

export type LedgerFleet = Readonly<{
  /** Of each process that ever was, the killed ones included. */
  tallies(): readonly Tally[]
  /** Of those that run now, one for each place. */
  runningTallies(): readonly Tally[]
  /** SIGKILL, and another one in its place, which starts at once. */
  replace(place: number): Promise<void>
  stop(): Promise<void>
  /** Resolves when all have ended by themselves. */
  ended(): Promise<void>
  /** SIGKILL to all that are left, at any time. */
  close(): Promise<void>
}>

export type FleetOrder = Omit<LedgerOrder, 'tallyPath' | 'url'> &
  Readonly<{
    /** The same for all, or one for each. */
    url: string | readonly string[]
    processes: number
    directory: string
  }>

type Worker = Readonly<{
  child: ChildProcess
  tallyPath: string
  ended: Promise<void>
  failure: () => Error | undefined
}>

const PROGRAM = join(import.meta.dirname, 'ledger-worker.ts')

/** Resolves when all of them charge. One that ends otherwise than it was told makes the next call here throw. */
export const startFleet = async ({
  processes,
  directory,
  url,
  ...order
}: FleetOrder): Promise<LedgerFleet> => {
  const started: Worker[] = []
  const launch = async (place: number): Promise<Worker> => {
    const worker = startWorker({
      ...order,
      url: typeof url === 'string' ? url : (url[place] ?? nobody()),
      tallyPath: join(directory, `${started.length}.tally`),
    })
    started.push(worker)
    await Promise.race([once(worker.child, 'message'), worker.ended])
    return worker
  }
  const close = async () => {
    for (const { child } of started) child.kill('SIGKILL')
    await Promise.allSettled(started.map(({ ended }) => ended))
  }
  const running = await Promise.all(Array.from({ length: processes }, (_, place) => launch(place))).catch(
    async (error: unknown) => {
      await close()
      throw error
    },
  )
  for (const { child } of running) tell(child, 'go')
  const read = ({ tallyPath, failure }: Worker) => {
    const failed = failure()
    if (failed !== undefined) throw failed
    return readTally(tallyPath, order.plans.length)
  }
  return {
    tallies: () => started.map(read),
    runningTallies: () => running.map(read),
    replace: async (place) => {
      const { child, ended } = running[place] ?? nobody()
      child.kill('SIGKILL')
      await ended
      const next = await launch(place)
      running[place] = next
      tell(next.child, 'go')
    },
    stop: async () => {
      for (const { child } of running) if (child.connected) tell(child, 'stop')
      await Promise.all(running.map(({ ended }) => ended))
    },
    ended: async () => {
      await Promise.all(running.map(({ ended }) => ended))
    },
    close,
  }
}

/** All processes together. */
export const sumOf = (tallies: readonly Tally[]): Tally => {
  const [first, ...more] = tallies
  if (first === undefined) throw new RangeError('there is no tally')
  return more.reduce(
    (sum, tally) => ({
      observed: addUp(sum.observed, tally.observed),
      plans: sum.plans.map((plan, at) => addUp(plan, tally.plans[at] ?? plan)),
    }),
    first,
  )
}

const addUp = <T extends Observed | PlanTally>(a: T, b: T): T => {
  const there = new Map(Object.entries(b))
  const entries = Object.entries(a).map(([name, value]) => [name, value + (there.get(name) ?? 0)])
  return Object.fromEntries(entries) as T
}

const nobody = (): never => {
  throw new RangeError('nobody is there')
}

const tell = (child: ChildProcess, message: ToWorker): void => {
  child.send(message)
}

/** `ended` rejects when it failed; a killed one ended as it was told. */
const startWorker = (order: LedgerOrder): Worker => {
  const child = fork(PROGRAM, { execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  let log = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    if (log.length < 10_000) log += chunk.toString()
  })
  let failed: Error | undefined
  const ended = once(child, 'close').then(() => {
    if (child.exitCode === 0 || child.signalCode === 'SIGKILL') return
    failed = new Error(`a process that charges ended with ${child.exitCode ?? child.signalCode}:\n${log}`)
    throw failed
  })
  // Whoever waits for it is told; until then it is not unheard of.
  ended.catch(() => undefined)
  tell(child, { order })
  return { child, tallyPath: order.tallyPath, ended, failure: () => failed }
}
