// The look-up on SQLite: one statement, one row, point access only; of several keys one after the other.
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Call } from '../../kernel/call.ts'
import type { Clock } from '../../kernel/clock.ts'
import { Failure } from '../../kernel/failure.ts'
import type { GroupKeyStore, KeyLookup } from '../../keys/key-store.ts'
import type { QuotaView } from '../../quota/quota-view.ts'
import { learnRows, lookupFromRow } from '../look-up-row.ts'
import { LOOK_UP_COLUMNS, limitColumns, lookUpFrom } from '../look-up-statement.ts'
import { whenNotBusy } from './errors.ts'
import { spanned } from './spanned.ts'

/** Parameters: known registry version, digest, now. */
export const LOOK_UP = `SELECT
  ${LOOK_UP_COLUMNS},
  ${limitColumns({ array: 'json_array', collect: 'json_group_array' })}
${lookUpFrom('?')}`

const STATEMENT = { operation: 'SELECT', table: 'key_secret', text: LOOK_UP }

export const createSqliteKeyStore = (
  database: DatabaseSync,
  clock: Clock,
  view: QuotaView,
): GroupKeyStore => {
  let prepared: StatementSync | undefined
  const lookUp = (digest: Uint8Array, knownRegistryVersion: number) =>
    spanned(STATEMENT, () => {
      prepared ??= database.prepare(LOOK_UP)
      return prepared.get(BigInt(knownRegistryVersion), digest, BigInt(clock.now()))
    })
  const find = async (digest: Uint8Array, knownRegistryVersion: number, call: Call): Promise<KeyLookup> => {
    const row = await whenNotBusy(call, clock, () => lookUp(digest, knownRegistryVersion))
    if (row === undefined) throw new Error('the registry has lost its row')
    learnRows(view, row, view.era())
    return lookupFromRow(row)
  }
  return {
    find: (digest, knownRegistryVersion, call) => {
      call.storeReads += 1
      return find(digest, knownRegistryVersion, call)
    },
    findAll: async (wanted, knownRegistryVersion, call) => {
      call.storeReads += 1
      const answers: (KeyLookup | Error)[] = []
      for (const { digest, within } of wanted)
        answers.push(await within(() => find(digest, knownRegistryVersion, call)).catch(unlessFailure))
      return answers
    },
  }
}

/** A store that cannot answer fails all of them, a row that cannot be understood its own key. */
const unlessFailure = (error: unknown): Error => {
  if (error instanceof Failure || !(error instanceof Error)) throw error
  return error
}
