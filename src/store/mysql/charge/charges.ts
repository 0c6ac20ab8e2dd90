// Charges on MySQL, MariaDB and TiDB: in groups where the database can, else each by itself.
import { createCall } from '../../../kernel/call.ts'
import type { DatabaseClock } from '../../../kernel/clock.ts'
import { Failure } from '../../../kernel/failure.ts'
import { mistakeIn } from '../../../quota/charge-plan.ts'
import { createGroupCommit } from '../../../quota/group-commit.ts'
import { createObservedLedger } from '../../../quota/observed-ledger.ts'
import type { QuotaView } from '../../../quota/quota-view.ts'
import type { Charges, Charging } from '../../backend.ts'
import { toFailure } from '../errors.ts'
import type { MysqlOptions, MysqlPools } from '../pools.ts'
import type { TracedStatements } from '../traced-statements.ts'
import { createMysqlDirectLedger } from './direct-ledger.ts'
import { probeGroupedForm } from './group-probe.ts'
import { createMysqlGroupWriter } from './group-writer.ts'

type Deps = Readonly<{
  pools: MysqlPools
  clock: DatabaseClock
  traced: TracedStatements
  view: QuotaView
  charging: Charging
  options: MysqlOptions
}>

export const createMysqlCharges = (deps: Deps): Charges & Readonly<{ close(): Promise<void> }> => {
  const { pools, clock, traced, view, charging, options } = deps
  const { observer } = charging
  const direct = createObservedLedger(createMysqlDirectLedger({ pool: pools.quota, clock, traced }), {
    observer,
    clock,
  })
  if (charging.form === 'direct')
    return {
      ledger: direct,
      formInUse: async () => ({ form: 'direct' }),
      doubt: () => {},
      close: async () => {},
    }

  let refusedBecause: string | undefined
  // Each new connection is tried: after a failover it may be another server.
  const open = async () => {
    const connection = await pools.openWriter()
    try {
      const fault = await probeGroupedForm(connection, clock.monotonicMs() + options.connectTimeoutMs)
      if (fault === undefined) return connection
      if (refusedBecause === undefined) observer.fellBack(fault)
      refusedBecause = fault
      throw new Failure('store_unavailable', `charges cannot be grouped here: ${fault}`)
    } catch (error) {
      connection.destroy()
      throw toFailure(error)
    }
  }
  // Room for all who may wait, who wait in the queue of the groups and not here.
  const pool = pools.poolOf(1, open)
  const writer = createMysqlGroupWriter({ pool, clock, traced })
  const grouped = createGroupCommit({ writer, view, clock, observer, queueLimit: options.queueLimit })

  return {
    ledger: {
      charge(quotas, units, call) {
        const mistake = mistakeIn(quotas, units)
        if (mistake !== undefined) return Promise.reject(mistake)
        if (refusedBecause !== undefined) return direct.charge(quotas, units, call)
        return grouped.charge(quotas, units, call).catch((error: unknown) => {
          if (refusedBecause === undefined || !(error instanceof Failure) || error.chargeUnknown) throw error
          return direct.charge(quotas, units, call)
        })
      },
      peek: direct.peek,
    },
    formInUse: async () => {
      const call = createCall(clock.monotonicMs() + options.connectTimeoutMs)
      try {
        if (refusedBecause === undefined) await pool.use(call, async () => {})
      } catch (error) {
        if (refusedBecause === undefined) throw error
      }
      return refusedBecause === undefined ? { form: 'grouped' } : { form: 'direct', because: refusedBecause }
    },
    doubt: view.doubt,
    close: pool.close,
  }
}
