// Which rows a management transaction holds, always in this order: registry, owners from root to leaf, key, quota rows.
import type { Selectable } from 'kysely'
import { Rejection } from '../../kernel/failure.ts'
import { MissingOwner } from '../../keys/missing-owner.ts'
import type { OwnerTable, VirtualKeyTable } from '../schema.ts'
import type { WriteScope } from './book-database.ts'
import { isKeyId } from './public-id.ts'

export type OwnerRow = Selectable<OwnerTable>
export type KeyRow = Selectable<VirtualKeyTable>

/** A key together with its owner and all above it, all locked; nobody can disable or delete one of them meanwhile. */
export type LockedKey = Readonly<{ key: KeyRow; owners: readonly OwnerRow[] }>

export const lockRegistry = async ({ tx, locksRows }: WriteScope): Promise<void> => {
  await tx
    .selectFrom('registry')
    .select('version')
    .where('id', '=', 1)
    .$if(locksRows, (query) => query.forUpdate())
    .executeTakeFirstOrThrow()
}

/**
 * Locks these owners and all above them. Whoever disables an owner holds its row, and whoever creates or changes something
 * below holds it too, so neither can miss the other. One statement a row: the order is what prevents a deadlock.
 */
export const lockOwners = async (
  { tx, locksRows }: WriteScope,
  paths: readonly string[],
): Promise<ReadonlyMap<string, OwnerRow>> => {
  const locked = new Map<string, OwnerRow>()
  for (const path of [...new Set(paths.flatMap(chainOf))].toSorted()) {
    const row = await tx
      .selectFrom('owner')
      .selectAll()
      .where('path', '=', path)
      .$if(locksRows, (query) => query.forUpdate())
      .executeTakeFirst()
    if (row !== undefined) locked.set(path, row)
  }
  return locked
}

/** The owner and all above it, from root to leaf; throws not_found. */
export const lockOwnerChain = async (scope: WriteScope, path: string): Promise<readonly OwnerRow[]> =>
  chainFrom(await lockOwners(scope, [path]), path)

export const chainFrom = (locked: ReadonlyMap<string, OwnerRow>, path: string): readonly OwnerRow[] =>
  chainOf(path).map((name) => {
    const row = locked.get(name)
    if (row === undefined) throw noSuchOwner(name)
    return row
  })

export const lockKey = async (scope: WriteScope, id: string): Promise<LockedKey> => {
  const { tx, locksRows } = scope
  if (!isKeyId(id)) throw noSuchKey(id)
  const found = await tx
    .selectFrom('virtual_key as k')
    .innerJoin('owner as o', 'o.id', 'k.owner_id')
    .select('o.path')
    .where('k.id', '=', id)
    .executeTakeFirst()
  if (found === undefined) throw noSuchKey(id)
  const owners = await lockOwnerChain(scope, found.path)
  const key = await tx
    .selectFrom('virtual_key')
    .selectAll()
    .where('id', '=', id)
    .$if(locksRows, (query) => query.forUpdate())
    .executeTakeFirst()
  if (key === undefined) throw noSuchKey(id)
  return { key, owners }
}

export const refuseRevoked = ({ id, revoked_at }: KeyRow): void => {
  if (revoked_at !== null) throw new Rejection('conflict', `key ${id} is revoked, for ever`)
}

/** `a/b/c`: `a`, `a/b`, `a/b/c`. */
export const chainOf = (path: string): readonly string[] => {
  const names = path.split('/')
  return names.map((_, index) => names.slice(0, index + 1).join('/'))
}

export const noSuchOwner = (path: string): MissingOwner => new MissingOwner(path)

export const noSuchKey = (id: string): Rejection =>
  new Rejection('not_found', `key ${JSON.stringify(id.slice(0, 128))} does not exist`)
