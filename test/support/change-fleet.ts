// Several processes that change things in one store at once.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { ChangeOrder } from './change-worker.ts'

const PROGRAM = join(import.meta.dirname, 'change-worker.ts')

/** One process for each order; resolves when all have done theirs, rejects with what one of them said when it failed. */
export const carryOutChanges = async (orders: readonly ChangeOrder[]): Promise<void> => {
  const workers = orders.map((order) => {
    const child = fork(PROGRAM, { execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    let log = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      if (log.length < 10_000) log += chunk.toString()
    })
    child.send(order)
    return {
      child,
      ended: once(child, 'close').then(() => {
        if (child.exitCode !== 0)
          throw new Error(`a process that changes ended with ${child.exitCode ?? child.signalCode}:\n${log}`)
      }),
    }
  })
  try {
    await Promise.all(workers.map(({ ended }) => ended))
  } finally {
    for (const { child } of workers) if (child.exitCode === null) child.kill('SIGKILL')
    await Promise.allSettled(workers.map(({ ended }) => ended))
  }
}
