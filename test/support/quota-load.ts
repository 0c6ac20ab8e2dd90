// Replicas that charge the same quotas without a pause, and what each window was charged in total.
import type { Quota } from '../../src/quota/quota.ts'
import type { ChargeOutcome } from '../../src/quota/quota-ledger.ts'
import type { Store } from '../../src/store/store.ts'
import type { TestStore } from './stores.ts'

export type QuotaLoad = Readonly<{
  /** Charges that were admitted in the window that ends then. Throws when a charge failed. */
  admitted(windowEndMs: number): number
  /** In order of the first charge of each. */
  windowEnds(): readonly number[]
  outcomes(kind: ChargeOutcome['outcome']): number
  /** Waits for what is in flight, and closes the replicas. */
  stop(): Promise<void>
}>

const CHARGES_IN_FLIGHT_EACH = 3

export const startLoad = (
  opened: TestStore,
  replicas: readonly Store[],
  quotas: readonly Quota[],
): QuotaLoad => {
  const byEnd = new Map<number, number>()
  const byKind = new Map<string, number>()
  let running = true
  let failure: unknown
  const work = async ({ ledger }: Store) => {
    while (running) {
      const charged = await ledger.charge(quotas, 1, opened.newCall())
      count(byKind, charged.outcome)
      if (charged.outcome === 'charged') count(byEnd, charged.states[0]?.resetsAtMs ?? 0)
      // Whom a refusal costs nothing would let nobody else have a turn.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const workers = replicas.flatMap((replica) =>
    Array.from({ length: CHARGES_IN_FLIGHT_EACH }, () =>
      work(replica).catch((error: unknown) => {
        failure = error
      }),
    ),
  )
  return {
    admitted: (windowEndMs) => {
      if (failure !== undefined) throw new Error('a charge failed', { cause: failure })
      return byEnd.get(windowEndMs) ?? 0
    },
    windowEnds: () => [...byEnd.keys()],
    outcomes: (kind) => byKind.get(kind) ?? 0,
    stop: async () => {
      running = false
      await Promise.all(workers)
      await Promise.all(replicas.map((replica) => replica.close()))
    },
  }
}

const count = <Name>(counts: Map<Name, number>, name: Name): void => {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}
