// The database server: its migrations, clock, durability, connections, and what our account may do there.
import type { Config } from '../../config.ts'
import type { Clock } from '../../kernel/clock.ts'
import { Rejection } from '../../kernel/failure.ts'
import { carriedSteps } from '../../store/migrate.ts'
import type { Store } from '../../store/store.ts'
import type { Finding } from '../finding.ts'
import { fault, orFine, someOf, warning } from '../finding.ts'

/** What lies in the store can be looked at only when this says `ok` or `warning`. */
export const examineMigrations = async (store: Store): Promise<readonly Finding[]> => {
  const check = 'store_migrations'
  try {
    const { applied, pending } = await store.migrationStatus()
    const carried = carriedSteps(store.dialect)
    const unknown = applied.filter((name) => !carried.includes(name))
    if (unknown.length > 0)
      return [
        fault(
          check,
          `the store was migrated by a newer Latchkey: this one does not know ${someOf(unknown)}`,
          'run the Latchkey that migrated it, or a newer one',
        ),
      ]
    const mistakes =
      pending.length === 0
        ? []
        : [fault(check, `${pending.length} of ${carried.length} are missing`, 'run: latchkey migrate')]
    return orFine(mistakes, check, `all ${applied.length} are applied`)
  } catch (error) {
    if (!(error instanceof Rejection)) throw error
    return [fault(check, error.message, 'install the Latchkey that migrated the store, unchanged')]
  }
}

const MOST_OFFSET_MS = 1_000

/** `clock` was taught the database's time by the store's connections. */
export const examineClock = (clock: Clock, machineNowMs: number): readonly Finding[] => {
  const offsetMs = Math.round(clock.now() - machineNowMs)
  const shown = `${Math.abs(offsetMs) < 10_000 ? `${Math.abs(offsetMs)} ms` : `${Math.round(Math.abs(offsetMs) / 1_000)} s`}`
  const mistakes =
    Math.abs(offsetMs) <= MOST_OFFSET_MS
      ? []
      : [
          warning(
            'store_clock',
            `the database's clock is ${shown} ${offsetMs > 0 ? 'ahead of' : 'behind'} this machine's; limits and expiry go by the database's`,
            'synchronise both clocks (chrony, systemd-timesyncd), and check what date -u says on each',
          ),
        ]
  return orFine(mistakes, 'store_clock', `the clocks differ by ${shown}`)
}

export const examineDurability = async (store: Store): Promise<readonly Finding[]> => {
  const warnings = await store.durabilityWarnings()
  return orFine(
    warnings.map((found) =>
      warning('store_durability', found, 'set it so in the configuration of the database server'),
    ),
    'store_durability',
    'what was answered survives a crash',
  )
}

export type ServerVariables = Readonly<{ maxConnections: number | undefined; readOnly: boolean }>

/** Those of quota, the feed and the books, beside the look-ups. */
const CONNECTIONS_BESIDE_LOOKUPS = 8

export const examineServer = (
  { workers, maxLookups }: Config,
  { maxConnections, readOnly }: ServerVariables,
): readonly Finding[] => {
  const wanted = workers * (maxLookups + CONNECTIONS_BESIDE_LOOKUPS)
  const tooMany = maxConnections !== undefined && wanted > maxConnections / 2
  return [
    ...orFine(
      readOnly
        ? [
            fault(
              'store_writable',
              'the database server is read-only: it is a replica, or was made so',
              'give database_url the address of the primary',
            ),
          ]
        : [],
      'store_writable',
      'the server takes writes',
    ),
    ...orFine(
      tooMany
        ? [
            warning(
              'store_connections',
              `this Latchkey opens up to ${wanted} connections of the ${maxConnections} that the server gives to all`,
              'raise max_connections of the database, or lower workers or max_lookups; each further Latchkey takes as many',
            ),
          ]
        : [],
      'store_connections',
      `up to ${wanted} of ${maxConnections ?? 'an unknown number'}`,
    ),
  ]
}
