// A process that keeps charges in flight at the ledger's port; started by ledger-fleet.ts, which reads its tally.
import { setTimeout as delay } from 'node:timers/promises'
import { createCall } from '../../src/kernel/call.ts'
import { createClock } from '../../src/kernel/clock.ts'
import { Failure } from '../../src/kernel/failure.ts'
import type { Quota } from '../../src/quota/quota.ts'
import type { ChargeForm, ChargeOutcome } from '../../src/quota/quota-ledger.ts'
import { openStore } from '../../src/store/store.ts'
import type { Answer } from './ledger-tally.ts'
import { createTally } from './ledger-tally.ts'

/** What is charged together, with 1, 2 … `mostUnits` units in turn. */
export type ChargePlan = Readonly<{ quotas: readonly Quota[]; mostUnits: number }>

export type LedgerOrder = Readonly<{
  url: string
  chargeForm: ChargeForm
  plans: readonly ChargePlan[]
  inFlight: number
  /** Each caller leaves when it is refused for the first time; else all go on until told to stop. */
  untilExhausted: boolean
  tallyPath: string
  /** The database's clock stands still here, for the connections of this process. */
  databaseNowMs: number | undefined
}>

/** From the fleet: an order, then that all are ready, then to stop. */
export type ToWorker = Readonly<{ order: LedgerOrder }> | 'go' | 'stop'

const CALL_TIMEOUT_MS = 20_000
/** Whoever was not served asks again after a while, as clients do. */
const PAUSE_MS = 5

let running = true

const work = async (order: LedgerOrder): Promise<void> => {
  const { url, chargeForm, plans, databaseNowMs } = order
  const clock = createClock()
  const tally = createTally(order.tallyPath, plans.length)
  const onConnection = async (run: (text: string) => Promise<void>) => {
    if (databaseNowMs !== undefined) await run(`SET timestamp = ${(databaseNowMs / 1_000).toFixed(3)}`)
  }
  const store = await openStore({
    url,
    clock,
    chargeForm,
    chargeObserver: tally.observer,
    mysql: { onConnection },
  })
  const recorded = createTurns(tally.write)

  const ask = async ({ quotas }: ChargePlan, units: number): Promise<Answer> => {
    try {
      return answerTo(
        await store.ledger.charge(quotas, units, createCall(clock.monotonicMs() + CALL_TIMEOUT_MS)),
      )
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      return error.chargeUnknown ? 'unknown' : ANSWER_TO_FAILURE[error.reason]
    }
  }
  let asks = 0
  const caller = async () => {
    while (running) {
      asks += 1
      const at = (asks * STRIDE) % plans.length
      const plan = plans[at]
      if (plan === undefined) throw new RangeError('there is nothing to charge')
      const units = 1 + (asks % plan.mostUnits)
      tally.add(at, 'asked', units)
      await recorded()
      const answer = await ask(plan, units)
      tally.add(at, answer, units)
      if (answer === 'exhausted' && order.untilExhausted) return
      if (answer !== 'admitted') await delay(PAUSE_MS)
    }
  }
  process.send?.('ready')
  await told('go')
  await Promise.all(Array.from({ length: order.inFlight }, caller))
  tally.write()
  tally.close()
  await store.close()
  process.disconnect()
}

/** A prime, so that neighbours in time are not neighbours in the list. */
const STRIDE = 7_919

const ANSWER_TO_FAILURE = {
  store_unavailable: 'unavailable',
  overloaded: 'overloaded',
  deadline_exceeded: 'late',
} as const

const answerTo = (outcome: ChargeOutcome): Answer => {
  if (outcome.outcome === 'stale') return 'stale'
  const over = outcome.states.find(({ amount, used }) => used > amount)
  if (over !== undefined) throw new RangeError(`${over.used} of ${over.amount} are told to be used`)
  return outcome.outcome === 'charged' ? 'admitted' : 'exhausted'
}

/** Resolves once `record` has run, which it does once for all who ask in one turn of the loop. */
const createTurns = (record: () => void): (() => Promise<void>) => {
  let waiting: (() => void)[] = []
  const turn = () => {
    record()
    const recorded = waiting
    waiting = []
    for (const resolve of recorded) resolve()
  }
  return () =>
    new Promise((resolve) => {
      if (waiting.length === 0) setImmediate(turn)
      waiting.push(resolve)
    })
}

const told = (word: ToWorker): Promise<void> =>
  new Promise((resolve) => {
    process.on('message', (message: ToWorker) => {
      if (message === word) resolve()
    })
  })

// Nobody reads the tally any more when the fleet is gone.
process.on('disconnect', () => {
  running = false
})
process.on('message', (message: ToWorker) => {
  if (message === 'stop') running = false
  else if (message !== 'go') void work(message.order)
})
