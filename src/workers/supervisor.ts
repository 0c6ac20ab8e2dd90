// Keeps so many workers running: starts them, replaces who dies, stops all in good order. Answers no Check itself.
import type { Clock } from '../kernel/clock.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Census } from './census.ts'
import { createCensus } from './census.ts'
import type { FromWorker } from './messages.ts'
import { createPatience, MOST_DEATHS } from './patience.ts'
import type { Ended, StartWorker, WorkerProcess } from './worker-process.ts'

export type SupervisorDeps = Readonly<{
  startWorker: StartWorker
  clock: Pick<Clock, 'monotonicMs'>
  log: Logger
  /** Resolves after so long, or when the signal is aborted. */
  wait(ms: number, signal: AbortSignal): Promise<void>
  /** Settles when all shall stop. */
  stop: Promise<unknown>
}>

/** `words` are undefined when the worker that was the reason said everything itself. */
export type SupervisionEnded = Readonly<{ code: number; words: string | undefined }>

/**
 * Resolves when every worker has ended: told to stop, or since one cannot start, or dies again and again. A worker that cannot start
 * ends all with its own exit code; the first one starts alone, so that what is wrong for all is told once.
 */
export const supervise = (workers: number, deps: SupervisorDeps): Promise<SupervisionEnded> =>
  new Supervisor(workers, deps).run()

/** A dependency is unavailable, as cli/exit-code.ts says. */
const UNAVAILABLE = 69
/** Between two attempts to replace a worker that lacks what others can still do without for a while. */
const UNAVAILABLE_WAIT_MS = 1_000

type Running = { readonly process: WorkerProcess; serving: boolean }

class Supervisor {
  readonly #workers: number
  readonly #deps: SupervisorDeps
  readonly #running = new Map<number, Running>()
  readonly #census: Census = createCensus()
  readonly #stopping = new AbortController()
  readonly #oneServes = Promise.withResolvers<void>()
  #ended: SupervisionEnded = { code: 0, words: undefined }

  constructor(workers: number, deps: SupervisorDeps) {
    this.#workers = workers
    this.#deps = deps
  }

  async run(): Promise<SupervisionEnded> {
    void this.#deps.stop.then(() => this.#stop(this.#ended))
    const first = this.#keep(0)
    await Promise.race([this.#oneServes.promise, first])
    const others = this.#isStopping() ? 0 : this.#workers - 1
    await Promise.all([first, ...Array.from({ length: others }, (_, index) => this.#keep(index + 1))])
    return this.#ended
  }

  /** Until all shall stop there is a worker on this seat. */
  async #keep(index: number): Promise<void> {
    const patience = createPatience(this.#deps.clock)
    let hasServed = false
    while (!this.#isStopping()) {
      const running = this.#start(index)
      const ended = await running.process.ended
      this.#census.gone(running.process)
      this.#running.delete(index)
      hasServed ||= running.serving
      if (this.#isStopping()) return this.#stopped(ended)
      const { pid } = running.process
      this.#deps.log.warn({ worker: index, pid, ...ended }, 'worker ended')
      // In good order: somebody told it alone to stop, and wants it new.
      if (ended.code === 0) continue
      // It says itself why it cannot start; one that was killed may have been about to serve.
      if (!hasServed && ended.code !== null) return this.#stop({ code: ended.code, words: undefined })
      // The others answer from memory what they can; were all to end with this one, nobody would.
      const waitMs = ended.code === UNAVAILABLE && this.#someServe() ? UNAVAILABLE_WAIT_MS : patience.died()
      if (waitMs === undefined)
        return this.#stop({
          code: ended.code ?? 1,
          words: `worker ${index} ended ${MOST_DEATHS} times within a minute, the last time ${how(ended)}`,
        })
      await this.#deps.wait(waitMs, this.#stopping.signal)
    }
  }

  #start(index: number): Running {
    const process = this.#deps.startWorker(index, (message) => this.#hear(index, process, message))
    const running: Running = { process, serving: false }
    this.#running.set(index, running)
    this.#deps.log.info({ worker: index, pid: process.pid }, 'worker started')
    return running
  }

  #hear(index: number, process: WorkerProcess, message: FromWorker): void {
    const running = this.#running.get(index)
    // What arrives after its end is counted as never said.
    if (running?.process !== process) return
    if (message.type === 'serving') {
      running.serving = true
      this.#oneServes.resolve()
    } else if (message.type === 'told') this.#census.told(process, message.id, message.told)
    else void this.#answer(process, message)
  }

  async #answer(process: WorkerProcess, { id, subject }: FromWorker & { type: 'ask' }): Promise<void> {
    const seats = Array.from({ length: this.#workers }, (_, index) => this.#running.get(index))
    process.send({ type: 'answer', id, told: await this.#census.take(subject, seats) })
  }

  #someServe = (): boolean => [...this.#running.values()].some(({ serving }) => serving)

  #isStopping = (): boolean => this.#stopping.signal.aborted

  #stop(ended: SupervisionEnded): void {
    if (this.#isStopping()) return
    this.#ended = ended
    this.#stopping.abort()
    for (const { process } of this.#running.values()) process.send({ type: 'stop' })
  }

  #stopped(ended: Ended): void {
    if (ended.code !== 0 && this.#ended.code === 0) this.#ended = { code: ended.code ?? 1, words: undefined }
  }
}

const how = ({ code, signal }: Ended): string => (signal === null ? `with code ${code}` : `by ${signal}`)
