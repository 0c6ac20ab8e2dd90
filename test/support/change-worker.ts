// A process that changes limits as fast as it can, some of them in vain; started by change-fleet.ts.
import { createClock } from '../../src/kernel/clock.ts'
import { Rejection } from '../../src/kernel/failure.ts'
import { openStore } from '../../src/store/store.ts'

/** Limits of owners of their own, so that nobody waits for another before the counter. */
export type ChangeOrder = Readonly<{
  url: string
  limits: readonly Readonly<{ id: number; subject: string }>[]
  /** Of each limit, so many times: to 1, 2, 3 … */
  commitsEach: number
}>

/** Every so many commits one is tried that comes to nothing at its very end. */
const VAIN_EVERY = 5

const work = async ({ url, limits, commitsEach }: ChangeOrder): Promise<void> => {
  const store = await openStore({ url, clock: createClock(), mysql: { adminConnections: limits.length } })
  const change = async ({ id, subject }: ChangeOrder['limits'][number]) => {
    for (let amount = 1; amount <= commitsEach; amount += 1) {
      if (amount % VAIN_EVERY === 0)
        // It has this limit already.
        await store.limitBook
          .createLimit(subject, { unit: 'requests', period: 'total', zone: 'UTC', amount: 1 })
          .then(() => Promise.reject(new Error('a limit was made twice')), throwUnlessRejected)
      await store.limitBook.updateLimit(id, { amount })
    }
  }
  await Promise.all(limits.map(change))
  await store.close()
  process.disconnect()
}

const throwUnlessRejected = (error: unknown): void => {
  if (!(error instanceof Rejection)) throw error
}

process.on('message', (order: ChangeOrder) => void work(order))
