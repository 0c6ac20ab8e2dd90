// The supervisor with all that it needs: the processes, the clock and the log.
import { setTimeout as delay } from 'node:timers/promises'
import { createClock } from '../kernel/clock.ts'
import type { LogFormat, LogLevel } from '../telemetry/logger.ts'
import { createLogger } from '../telemetry/logger.ts'
import type { SupervisionEnded } from './supervisor.ts'
import { supervise } from './supervisor.ts'
import { startWorkerProcess } from './worker-process.ts'

export type WorkersOptions = Readonly<{
  workers: number
  log: Readonly<{ level: LogLevel; format: LogFormat }>
  /** Settles when all shall stop. */
  stop: Promise<unknown>
}>

/** Resolves when all have ended. */
export const runWorkers = ({ workers, log, stop }: WorkersOptions): Promise<SupervisionEnded> =>
  supervise(workers, {
    startWorker: startWorkerProcess,
    clock: createClock(),
    log: createLogger(log),
    wait: (ms, signal) => delay(ms, undefined, { signal }).catch(() => {}),
    stop,
  })
