// The look-up on SQLite: one statement, one row, point access only.
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Clock } from '../../kernel/clock.ts'
import type { KeyStore } from '../../keys/key-store.ts'
import { LOOK_UP_COLUMNS, lookUpFrom, lookupFromRow } from '../look-up-row.ts'
import { whenNotBusy } from './errors.ts'
import { spanned } from './spanned.ts'

const limitsOf = (table: string): string =>
  `(SELECT json_group_array(json_array(l.quota_id, l.unit, l.period, l.zone, l.amount))
   FROM quota_limit l WHERE l.subject_id = ${table}.id) AS ${table}_limits`

/** Parameters: known registry version, digest, now. */
export const LOOK_UP = `SELECT
  ${LOOK_UP_COLUMNS},
  ${['k', 'a', 'b', 'c'].map(limitsOf).join(',\n  ')}
${lookUpFrom('?')}`

const STATEMENT = { operation: 'SELECT', table: 'key_secret', text: LOOK_UP }

export const createSqliteKeyStore = (database: DatabaseSync, clock: Clock): KeyStore => {
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
      return lookupFromRow(row)
    },
  }
}
