// A worker's side of the channel to its supervisor: it is told to stop, tells of itself, and asks for the sum of all.
import { Rejection } from '../kernel/failure.ts'
import type { HealthDeps } from '../telemetry/health-listener.ts'
import type { FromWorker, Subject, Told, ToWorker } from './messages.ts'

export type WorkerSeat = Readonly<{
  index: number
  /** Resolves when the supervisor says so, and when it is gone: nobody would look after this process any more. */
  released: Promise<void>
  /** Checks are answered. */
  sayServing(): void
  /** From now on `own` is told when asked for; returned is the same of all workers. */
  summed(own: HealthDeps): HealthDeps
}>

/** Throws Rejection in a process that nobody supervises. */
export const takeSeat = (index: number): WorkerSeat => {
  if (process.send === undefined || process.channel === undefined)
    throw new Rejection('invalid', '--worker is for processes that latchkey serve starts itself')
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  const asked = new Map<number, (told: Told) => void>()
  let own: HealthDeps | undefined
  let lastId = 0
  const ask = (subject: Subject): Promise<Told> =>
    new Promise((resolve) => {
      // An answer that never comes leaves one entry; the listener gave up by then, and so will whoever restarts us.
      asked.set(++lastId, resolve)
      send({ type: 'ask', id: lastId, subject })
    })
  process.on('message', (message: ToWorker) => {
    if (message.type === 'stop') release()
    // One that cannot be told is one that does not answer.
    else if (message.type === 'tell') tell(own, message.subject, message.id).catch(() => {})
    else {
      asked.get(message.id)?.(message.told)
      asked.delete(message.id)
    }
  })
  process.once('disconnect', release)
  // The channel alone is no reason to live.
  process.channel.unref()
  return {
    index,
    released,
    sayServing: () => send({ type: 'serving' }),
    summed: (deps) => {
      own = deps
      return {
        components: async () => (await ask('components')).components ?? {},
        renderMetrics: async () => (await ask('metrics')).metrics ?? '',
      }
    },
  }
}

const tell = async (own: HealthDeps | undefined, subject: Subject, id: number): Promise<void> => {
  if (own === undefined) return
  const told =
    subject === 'metrics' ? { metrics: await own.renderMetrics() } : { components: await own.components() }
  send({ type: 'told', id, told })
}

/** A supervisor that is gone hears nothing, and we hear of that by itself. */
const send = (message: FromWorker): void => {
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}
