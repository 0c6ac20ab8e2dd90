// Charges on SQLite: in groups, or each by itself.
import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../../../kernel/clock.ts'
import { assertChargeable } from '../../../quota/charge-plan.ts'
import { createGroupCommit } from '../../../quota/group-commit.ts'
import { createObservedLedger } from '../../../quota/observed-ledger.ts'
import type { QuotaView } from '../../../quota/quota-view.ts'
import type { Charges, Charging } from '../../backend.ts'
import { createSqliteDirectLedger } from './direct-ledger.ts'
import { createSqliteGroupWriter } from './group-writer.ts'

type Deps = Readonly<{ database: DatabaseSync; clock: Clock; view: QuotaView; charging: Charging }>

/** Charges that may wait for their group; one more is refused as overload. */
const QUEUE_LIMIT = 10_000

export const createSqliteCharges = ({ database, clock, view, charging }: Deps): Charges => {
  const { form, observer } = charging
  const direct = createSqliteDirectLedger(database, clock)
  if (form === 'direct')
    return {
      ledger: createObservedLedger(direct, { observer, clock }),
      formInUse: async () => ({ form }),
      doubt: () => {},
    }
  const writer = createSqliteGroupWriter(database, clock)
  const grouped = createGroupCommit({ writer, view, clock, observer, queueLimit: QUEUE_LIMIT })
  return {
    ledger: {
      charge: async (quotas, units, call) => {
        assertChargeable(quotas, units)
        return grouped.charge(quotas, units, call)
      },
      peek: direct.peek,
    },
    formInUse: async () => ({ form }),
    doubt: view.doubt,
  }
}
