// Carries out what a plan says about owners and their limits; every owner there is is held.
import type { Plan, PlannedLimit } from '../../keys/state-plan.ts'
import { limitName } from '../../keys/state-plan.ts'
import type { WriteScope } from './book-database.ts'
import { deleteOwnerRows } from './delete-owner.ts'
import { insertQuota } from './insert-limit.ts'
import { lockQuotas } from './lock-all.ts'
import type { OwnerRow } from './locks.ts'
import { chainFrom } from './locks.ts'
import { ownerToColumns } from './owner-book.ts'
import { createPublicId } from './public-id.ts'
import type { OwnerLimitRow, StateRows } from './read-state.ts'
import { mirrorsBelow, ownersUsableUntil, writeMirrors, writeQuotas } from './usability.ts'
import { chunked } from './write-registered.ts'

export const writeOwners = async (
  scope: WriteScope,
  { owners: before, limits: limitRows }: StateRows,
  { owners, limits }: Plan,
  nowMs: number,
): Promise<void> => {
  const after = await writeOwnerRows(scope, before, owners, nowMs)
  const touched = new Set([
    ...[...owners.create, ...owners.update.map((update) => update.after)].map(({ path }) => path),
    ...[...limits.create, ...limits.delete, ...limits.update.map((update) => update.after)].map(
      ({ path }) => path,
    ),
    ...owners.delete.map(({ path }) => path),
  ])
  for (const path of [...touched].toSorted()) scope.changed({ kind: 'owner', id: idOf(after, path) })
  await insertLimits(scope, after, limits.create)
  const rows = rowsByName(after, limitRows)
  const retired = await deleteOwners(scope, after, owners.delete)
  await writeQuotaRows(scope, after, owners.update, { rows, limits, retired })
}

type Owners = ReadonlyMap<string, OwnerRow>

/** Returns all owners as they are then. */
const writeOwnerRows = async (
  { tx }: WriteScope,
  before: Owners,
  { create, update }: Plan['owners'],
  nowMs: number,
): Promise<Owners> => {
  const after = new Map(before)
  const made: OwnerRow[] = []
  for (const owner of create.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    const parent = owner.path.includes('/')
      ? idOf(after, owner.path.slice(0, owner.path.lastIndexOf('/')))
      : null
    const row = {
      id: createPublicId('own'),
      path: owner.path,
      parent_id: parent,
      created_at: nowMs,
      ...ownerToColumns(owner),
    }
    after.set(owner.path, row)
    made.push(row)
  }
  for (const rows of chunked(made)) await tx.insertInto('owner').values(rows).execute()
  for (const { after: owner } of update) {
    const row = { ...rowOf(before, owner.path), ...ownerToColumns(owner) }
    after.set(owner.path, row)
    await tx.updateTable('owner').set(ownerToColumns(owner)).where('id', '=', row.id).execute()
  }
  return after
}

/** Returns quota rows that nothing may charge any more. Deepest first: an owner goes only when nothing is below it any more. */
const deleteOwners = async (
  { tx }: WriteScope,
  owners: Owners,
  gone: Plan['owners']['delete'],
): Promise<readonly number[]> => {
  const retired: number[] = []
  for (const { path } of gone.toSorted((a, b) => (a.path < b.path ? 1 : -1)))
    retired.push(...(await deleteOwnerRows(tx, rowOf(owners, path))))
  return retired
}

/** One insert for each quota row, as for keys: only so is its id known on every server. */
const insertLimits = async (
  scope: WriteScope,
  owners: Owners,
  limits: readonly PlannedLimit[],
): Promise<void> => {
  const rows = []
  for (const { path, unit, period, zone, amount } of limits) {
    const quotaId = await insertQuota(scope, amount, ownersUsableUntil(chainFrom(owners, path)))
    rows.push({ subject_id: idOf(owners, path), unit, period, zone, amount, quota_id: quotaId })
  }
  for (const chunk of chunked(rows)) await scope.tx.insertInto('quota_limit').values(chunk).execute()
}

type LimitChanges = Readonly<{
  rows: ReadonlyMap<string, OwnerLimitRow>
  limits: Plan['limits']
  /** Quota rows of owners that are gone. */
  retired: readonly number[]
}>

/** Everything that charges may be waiting for comes last, and is held in their order before any of it is written. */
const writeQuotaRows = async (
  scope: WriteScope,
  owners: Owners,
  updates: Plan['owners']['update'],
  { rows, limits, retired }: LimitChanges,
): Promise<void> => {
  const { tx } = scope
  const found = (limit: PlannedLimit): OwnerLimitRow => {
    const row = rows.get(limitName(limit))
    if (row === undefined) throw new Error(`there is no limit ${limitName(limit)}`)
    return row
  }
  const lifted = limits.delete.map(found)
  const changed = limits.update.map(({ after }) => ({ row: found(after), amount: after.amount }))
  const mirrors = new Map<number, number>()
  for (const { after } of updates.filter(switched))
    for (const [id, until] of await mirrorsBelow(tx, chainFrom(owners, after.path))) mirrors.set(id, until)
  for (const id of [...retired, ...lifted.map(({ quotaId }) => quotaId)]) mirrors.set(id, 0)
  const amounts = new Map(changed.map(({ row, amount }) => [row.quotaId, amount]))
  await lockQuotas(scope, [...mirrors.keys(), ...amounts.keys()])
  await writeMirrors(tx, mirrors)
  await writeQuotas(tx, 'amount', amounts)
  for (const { row, amount } of changed)
    await tx.updateTable('quota_limit').set({ amount }).where('id', '=', row.id).execute()
  for (const chunk of chunked(lifted.map(({ id }) => id)))
    await tx.deleteFrom('quota_limit').where('id', 'in', chunk).execute()
}

const switched = ({ before, after }: Plan['owners']['update'][number]): boolean =>
  before.disabled !== after.disabled

const rowsByName = (owners: Owners, limits: StateRows['limits']): ReadonlyMap<string, OwnerLimitRow> =>
  new Map(
    [...owners.values()].flatMap(({ id, path }) =>
      (limits.get(id) ?? []).map((row) => [limitName({ ...row, path }), row] as const),
    ),
  )

const idOf = (owners: Owners, path: string): string => rowOf(owners, path).id

const rowOf = (owners: Owners, path: string): OwnerRow => {
  const row = owners.get(path)
  if (row === undefined) throw new Error(`owner ${path} is not there`)
  return row
}
