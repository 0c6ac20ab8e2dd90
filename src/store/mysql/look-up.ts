// The look-up on MySQL, MariaDB and TiDB: one statement, one row, point access only.
import type { DatabaseClock } from '../../kernel/clock.ts'
import type { KeyStore } from '../../keys/key-store.ts'
import type { QuotaView } from '../../quota/quota-view.ts'
import { LOOK_UP_COLUMNS, learnRows, limitColumns, lookUpFrom, lookupFromRow } from '../look-up-row.ts'
import type { Statement } from '../statement-span.ts'
import type { ConnectionPool } from './connection-pool.ts'
import { toFailure, verdictOn } from './errors.ts'
import { NOW } from './session.ts'
import type { TracedStatements } from './traced-statements.ts'

/** Parameters: known registry version, digest. */
export const LOOK_UP = `SELECT
  ${LOOK_UP_COLUMNS},
  ${limitColumns({ array: 'JSON_ARRAY', collect: 'JSON_ARRAYAGG' })},
  ${NOW} AS now_ms
${lookUpFrom(NOW)}`

const STATEMENT: Statement = { operation: 'SELECT', table: 'key_secret', text: LOOK_UP }

/** A read may be asked again on another connection; each time counts. */
const MAX_ATTEMPTS = 3

export const createMysqlKeyStore = (
  pool: ConnectionPool,
  clock: DatabaseClock,
  traced: TracedStatements,
  view: QuotaView,
): KeyStore => ({
  find: async (digest, knownRegistryVersion, call) => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await pool.use(call, async (connection) => {
          call.storeReads += 1
          const sentMs = clock.monotonicMs()
          const era = view.era()
          const values = [String(knownRegistryVersion), Buffer.from(digest)]
          const { rows } = await traced.execute(connection, STATEMENT, values, call.deadlineMs)
          const row = rows[0]
          if (row === undefined) throw new Error('the registry has lost its row')
          if (typeof row['now_ms'] === 'number') clock.observe(row['now_ms'], sentMs, clock.monotonicMs())
          learnRows(view, row, era)
          return lookupFromRow(row)
        })
      } catch (error) {
        if (attempt >= MAX_ATTEMPTS || !mayAskAgain(error)) throw toFailure(error)
      }
    }
  },
})

const mayAskAgain = (error: unknown): boolean => verdictOn(error, 'before_commit').again
