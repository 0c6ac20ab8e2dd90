// Asks every worker for its part of the health listener's answer, and adds the parts up.
import { setTimeout as delay } from 'node:timers/promises'
import { METRIC } from '../telemetry/names.ts'
import type { Components, Subject, Told } from './messages.ts'
import type { MetricsPage } from './metrics-page.ts'
import { countsOf, EMPTY_PAGE, readPage, sumOfPages, writePage } from './metrics-page.ts'
import type { WorkerState } from './sum-components.ts'
import { sumComponents } from './sum-components.ts'
import type { WorkerProcess } from './worker-process.ts'

export type Asked = Readonly<{ process: WorkerProcess; serving: boolean }>

export type Census = Readonly<{
  /** The answer for all: `workers` has one entry for each that there should be. */
  take(subject: Subject, workers: readonly (Asked | undefined)[]): Promise<Told>
  /** A worker answers. */
  told(process: WorkerProcess, id: number, told: Told): void
  /** It ended: what it counted stays counted. */
  gone(process: WorkerProcess): void
}>

/** Less than the health listener's patience, and more than a worker's with a store that does not answer. */
const ANSWER_TIMEOUT_MS = 1_500

export const createCensus = ({ timeoutMs = ANSWER_TIMEOUT_MS } = {}): Census => {
  /** The last page of each worker that runs: of one that is silent its counts are taken from there. */
  const pages = new Map<WorkerProcess, MetricsPage>()
  const waiting = new Map<number, (told: Told) => void>()
  let past = EMPTY_PAGE
  let lastId = 0

  const ask = async (process: WorkerProcess, subject: Subject): Promise<Told | undefined> => {
    const id = ++lastId
    const { promise, resolve } = Promise.withResolvers<Told | undefined>()
    waiting.set(id, resolve)
    process.send({ type: 'tell', id, subject })
    const late = new AbortController()
    const timer = delay(timeoutMs, undefined, { signal: late.signal }).catch(() => undefined)
    const told = await Promise.race([promise, timer, process.ended.then(() => undefined)])
    late.abort()
    waiting.delete(id)
    return told
  }

  return {
    async take(subject, workers) {
      const answers = await Promise.all(
        workers.map(async (asked) => (asked?.serving ? ask(asked.process, subject) : undefined)),
      )
      const states = workers.map((asked, index): WorkerState => {
        if (answers[index] !== undefined) return 'serving'
        return asked?.serving ? 'silent' : 'starting'
      })
      if (subject === 'components') {
        const told = answers.map((answer, index): [number, Components] => [index, answer?.components ?? {}])
        return { components: sumComponents(new Map(told), states) }
      }
      // Pages, not answers: who ended while we waited for others is counted with the past already.
      const parts = workers.flatMap((asked, index) => {
        const page = asked && pages.get(asked.process)
        if (page === undefined) return []
        return [states[index] === 'serving' ? page : countsOf(page)]
      })
      if (answers.every((answer) => !answer?.metrics)) return { metrics: '' }
      return { metrics: writePage(sumOfPages([...parts, past, pageOf(states)])) }
    },
    told(process, id, told) {
      if (told.metrics) pages.set(process, readPage(told.metrics))
      waiting.get(id)?.(told)
    },
    gone(process) {
      past = sumOfPages([past, countsOf(pages.get(process) ?? EMPTY_PAGE)])
      pages.delete(process)
    },
  }
}

const pageOf = (states: readonly WorkerState[]): MetricsPage => {
  const name = METRIC.workers.replaceAll('.', '_')
  const head = [`# HELP ${name} Processes of this server by what they do`, `# TYPE ${name} gauge`]
  const samples = (['serving', 'silent', 'starting'] as const).map((state): [string, number] => [
    `${name}{state="${state}"}`,
    states.filter((each) => each === state).length,
  ])
  return new Map([[name, { head, kind: 'gauge', samples: new Map(samples) }]])
}
