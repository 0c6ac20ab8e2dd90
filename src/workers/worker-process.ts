// One worker as a child process: this very program, with the number of its seat.
import { fork } from 'node:child_process'
import type { FromWorker, ToWorker } from './messages.ts'

export type Ended = Readonly<{ code: number | null; signal: NodeJS.Signals | null }>

export type WorkerProcess = Readonly<{
  pid: number | undefined
  /** Lost when the process is gone. */
  send(message: ToWorker): void
  ended: Promise<Ended>
}>

export type StartWorker = (index: number, hear: (message: FromWorker) => void) => WorkerProcess

/** What it logs and complains of goes where ours does. When this process exits before it, so does it, at once. */
export const startWorkerProcess: StartWorker = (index, hear) => {
  const [, program = '', ...args] = process.argv
  const child = fork(program, [...args, '--worker', `${index}`], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const { promise: ended, resolve } = Promise.withResolvers<Ended>()
  const kill = () => void child.kill('SIGKILL')
  const end = (how: Ended) => {
    process.off('exit', kill)
    resolve(how)
  }
  process.once('exit', kill)
  child.on('message', hear)
  child.once('exit', (code, signal) => end({ code, signal }))
  child.on('error', () => {
    // Either it could not be started, or a message found it gone, of which exit tells.
    if (child.pid === undefined) end({ code: 1, signal: null })
  })
  return {
    pid: child.pid,
    send: (message) => {
      if (child.connected) child.send(message, undefined, undefined, () => {})
    },
    ended,
  }
}
