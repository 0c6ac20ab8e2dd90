// A process of its own that charges quotas at the ledger's port as fast as they are answered, with a fixed number in flight.
import { createCall } from '../src/kernel/call.ts'
import { createClock } from '../src/kernel/clock.ts'
import { SILENT_OBSERVER } from '../src/quota/charge-observer.ts'
import type { Quota, QuotaState } from '../src/quota/quota.ts'
import { FOREVER } from '../src/quota/quota.ts'
import type { ChargeForm, QuotaLedger } from '../src/quota/quota-ledger.ts'
import { openStore } from '../src/store/store.ts'
import type { Latencies } from './latencies.ts'
import { createLatencyCount } from './latencies.ts'
import { runLoadProgram } from './load-program.ts'

export type QuotaLoad = Readonly<{
  url: string
  chargeForm: ChargeForm
  /** What is charged together, in turn. */
  plans: readonly (readonly Quota[])[]
  inFlight: number
  warmMs: number
  measureMs: number
}>

export type QuotaLoadResult = Readonly<{
  charges: number
  seconds: number
  latencies: Latencies
  /** Of everything that was charged, before and after the measured time as well. */
  admitted: readonly Admitted[]
}>

/** Units that were admitted in a row's last window. */
export type Admitted = Readonly<{ id: number; windowEndMs: number; units: number }>

const CALL_TIMEOUT_MS = 20_000

runLoadProgram(async (load: QuotaLoad) => {
  const { url, chargeForm, plans } = load
  const fellBack = (because: string) => {
    throw new Error(`charges cannot be grouped: ${because}`)
  }
  const chargeObserver = { ...SILENT_OBSERVER, fellBack }
  const store = await openStore({ url, clock: createClock(), chargeForm, chargeObserver })
  // Opens a connection.
  await store.ledger.peek(plans[0] ?? [], createCall(performance.now() + CALL_TIMEOUT_MS))
  await store.chargeForm()
  return async () => {
    const result = await keepCharging(store.ledger, load)
    await store.close()
    return result
  }
})

const keepCharging = async (ledger: QuotaLedger, load: QuotaLoad): Promise<QuotaLoadResult> => {
  const { plans, inFlight, warmMs, measureMs } = load
  const admitted = createAdmissions()
  const latencies = createLatencyCount()
  const beginMs = performance.now() + warmMs
  const endMs = beginMs + measureMs
  let asked = 0
  let charges = 0
  const keep = async () => {
    for (let startedMs = performance.now(); startedMs < endMs; ) {
      const quotas = plans[asked++ % plans.length] ?? []
      const outcome = await ledger.charge(quotas, 1, createCall(startedMs + CALL_TIMEOUT_MS))
      if (outcome.outcome !== 'charged') throw new Error(`a charge was answered ${outcome.outcome}`)
      admitted.add(outcome.states)
      const nowMs = performance.now()
      if (nowMs >= beginMs && nowMs < endMs) {
        charges += 1
        latencies.add(nowMs - startedMs)
      }
      startedMs = nowMs
    }
  }
  await Promise.all(Array.from({ length: inFlight }, keep))
  return { charges, seconds: measureMs / 1_000, latencies: latencies.counted(), admitted: admitted.all() }
}

const createAdmissions = () => {
  const byRow = new Map<number, { windowEndMs: number; units: number }>()
  return {
    add: (states: readonly QuotaState[]) => {
      for (const { quota, resetsAtMs = FOREVER } of states) {
        const row = byRow.get(quota.id)
        if (row?.windowEndMs === resetsAtMs) row.units += 1
        else if (row === undefined || row.windowEndMs < resetsAtMs)
          byRow.set(quota.id, { windowEndMs: resetsAtMs, units: 1 })
      }
    },
    all: (): readonly Admitted[] => [...byRow].map(([id, row]) => ({ id, ...row })),
  }
}
