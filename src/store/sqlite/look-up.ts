// The look-up on SQLite: one statement, one row, point access only.
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Clock } from '../../kernel/clock.ts'
import type { KeyStore } from '../../keys/key-store.ts'
import type { QuotaView } from '../../quota/quota-view.ts'
import { LOOK_UP_COLUMNS, learnRows, limitColumns, lookUpFrom, lookupFromRow } from '../look-up-row.ts'
import { whenNotBusy } from './errors.ts'
import { spanned } from './spanned.ts'

/** Parameters: known registry version, digest, now. */
export const LOOK_UP = `SELECT
  ${LOOK_UP_COLUMNS},
  ${limitColumns({ array: 'json_array', collect: 'json_group_array' })}
${lookUpFrom('?')}`

const STATEMENT = { operation: 'SELECT', table: 'key_secret', text: LOOK_UP }

export const createSqliteKeyStore = (database: DatabaseSync, clock: Clock, view: QuotaView): KeyStore => {
  let prepared: StatementSync | undefined
  const lookUp = (digest: Uint8Array, knownRegistryVersion: number) =>
    spanned(STATEMENT, () => {
      prepared ??= database.prepare(LOOK_UP)
      return prepared.get(BigInt(knownRegistryVersion), digest, BigInt(clock.now()))
    })
  return {
    find: async (digest, knownRegistryVersion, call) => {
      call.storeReads += 1
      const row = await whenNotBusy(call, clock, () => lookUp(digest, knownRegistryVersion))
      if (row === undefined) throw new Error('the registry has lost its row')
      learnRows(view, row, view.era())
      return lookupFromRow(row)
    },
  }
}
