// Opens a store that can be used at once: reachable and migrated. The one rule for who migrates what.
import { Failure } from '../kernel/failure.ts'
import type { Store, StoreOptions } from './store.ts'
import { openStore } from './store.ts'

export type ReadyStore = Readonly<{
  store: Store
  /** Steps that were applied just now. */
  applied: readonly string[]
  /** True when the store was empty before. */
  created: boolean
}>

/**
 * An embedded store is migrated here. A shared one belongs to several processes, so a person decides when; until then this throws
 * Failure store_unavailable that names the command.
 */
export const openReadyStore = async (options: StoreOptions): Promise<ReadyStore> => {
  const store = await openStore(options)
  try {
    await store.ping()
    const { applied, pending } = await store.migrationStatus()
    if (pending.length === 0) return { store, applied: [], created: false }
    if (store.dialect !== 'sqlite')
      throw new Failure(
        'store_unavailable',
        `the store lacks ${pending.length} of ${applied.length + pending.length} migrations; run: latchkey migrate`,
      )
    return { store, applied: await store.migrate(), created: applied.length === 0 }
  } catch (error) {
    await store.close()
    throw error
  }
}
