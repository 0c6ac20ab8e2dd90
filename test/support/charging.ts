// What tests of charges do all the time: many at once, from another replica, and what the rows say afterwards.
import type { Quota } from '../../src/quota/quota.ts'
import type { ChargeOutcome, QuotaLedger } from '../../src/quota/quota-ledger.ts'
import type { MysqlOptions } from '../../src/store/mysql/pools.ts'
import type { Store } from '../../src/store/store.ts'
import { onClose } from './closing.ts'
import { chargesInFlight } from './held-rows.ts'
import { runOnMariadb } from './mariadb.ts'
import type { MoreOptions, TestStore } from './stores.ts'
import { quotaRow } from './stores.ts'

export type Charging = Readonly<{
  /** All at once. */
  chargeTimes(
    times: number,
    store: Readonly<{ ledger: QuotaLedger }>,
    quotas: readonly Quota[],
    units?: number,
  ): Promise<readonly ChargeOutcome[]>
  /** Closed after the test. */
  openReplica(mysql?: Partial<MysqlOptions>, more?: MoreOptions): Promise<Store>
  usedOf(quotas: readonly Quota[]): Promise<readonly number[]>
  /** Charges, or changes of rows, that MariaDB is at work on. */
  inFlight(): Promise<number>
}>

export const chargingOf = (get: () => TestStore): Charging => ({
  chargeTimes: (times, { ledger }, quotas, units = 1) =>
    Promise.all(Array.from({ length: times }, () => ledger.charge(quotas, units, get().newCall()))),
  openReplica: async (mysql = {}, more = {}) => {
    const store = await get().openAgain(mysql, more)
    onClose(() => store.close())
    return store
  },
  usedOf: async (quotas) =>
    (await Promise.all(quotas.map(({ id }) => quotaRow(get(), id)))).map(({ used }) => used),
  inFlight: async () => (await chargesInFlight(runOnMariadb, get().url)).length,
})

/** How many of the outcomes are of this kind. */
export const countOf = (outcomes: readonly ChargeOutcome[], kind: ChargeOutcome['outcome']): number =>
  outcomes.filter(({ outcome }) => outcome === kind).length
