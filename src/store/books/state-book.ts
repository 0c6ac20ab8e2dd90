// Everything that is configured, except keys, read and written whole.
import { Rejection } from '../../kernel/failure.ts'
import type { Applied, ApplyOptions, StateBook, StateFault } from '../../keys/declared-state.ts'
import { StateFaults } from '../../keys/declared-state.ts'
import { toldPlan } from '../../keys/state-differences.ts'
import type { Plan } from '../../keys/state-plan.ts'
import { planOf } from '../../keys/state-plan.ts'
import { brokenReferences } from '../../keys/state-references.ts'
import type { BookDeps, WriteScope } from './book-database.ts'
import { MAX_LIMITS } from './key-input.ts'
import { lockAllOwners, lockChanges } from './lock-all.ts'
import { lockRegistry } from './locks.ts'
import { usedByKeys } from './named-by.ts'
import type { StateRows } from './read-state.ts'
import { readStateRows } from './read-state.ts'
import type { ParsedState } from './state-input.ts'
import { parseState, tooManyLimits } from './state-input.ts'
import { writeOwners } from './write-owners.ts'
import { deleteRegistered, writeRegistered } from './write-registered.ts'

export const createStateBook = ({ database, clock }: BookDeps): StateBook => ({
  readState: () =>
    database.write(async (scope) => {
      // No book commits meanwhile; nothing else is held, so nobody waits in a circle.
      await lockChanges(scope)
      return (await readStateRows(scope.tx)).state
    }),

  applyState: async (state, options) => {
    const parsed = parseState(state)
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await database.write((scope) => apply(scope, parsed, options, clock.now()))
      } catch (error) {
        // Another process made an owner of that path at the same instant: there was no row to lock yet. Now there is.
        if (!database.isDuplicate(error) || attempt >= MAX_ATTEMPTS) throw error
      }
    }
  },
})

const MAX_ATTEMPTS = 4

const apply = async (
  scope: WriteScope,
  { declared, faults }: ParsedState,
  { prune, dryRun }: ApplyOptions,
  nowMs: number,
): Promise<Applied> => {
  await lockRegistry(scope)
  await lockAllOwners(scope)
  const rows = await readStateRows(scope.tx)
  const plan = planOf(rows.state, declared, { prune })
  await refuse(scope, rows, { declared, faults }, plan)
  if (!dryRun) {
    await writeRegistered(scope, plan)
    await writeOwners(scope, rows, plan, nowMs)
    await deleteRegistered(scope, plan)
  }
  return toldPlan(plan)
}

const refuse = async (
  { tx }: WriteScope,
  { state }: StateRows,
  { declared, faults }: ParsedState,
  plan: Plan,
): Promise<void> => {
  const references = brokenReferences(state, declared, plan)
  const isTold = new Set(faults.map(placeOf))
  const all = [
    ...faults,
    ...references.faults.filter((fault) => !isTold.has(placeOf(fault))),
    ...crowdedOwners(state.owners, plan),
  ]
  if (all.length > 0) throw new StateFaults(all)
  const inUse = [...references.conflicts, ...(await usedByKeys(tx, plan))]
  if (inUse.length > 0) throw new Rejection('conflict', `nothing was changed: ${inWords(inUse)}`)
}

const MOST_TOLD = 20

const inWords = (reasons: readonly string[]): string => {
  const more = reasons.length - MOST_TOLD
  return `${reasons.slice(0, MOST_TOLD).join('; ')}${more > 0 ? `; and ${more} more` : ''}`
}

const placeOf = ({ kind, name, field, entry }: StateFault): string => [kind, name, field, entry].join('\n')

/** What is declared and what is left of an owner's limits may together be too many. */
const crowdedOwners = (
  owners: readonly Readonly<{ path: string; limits: readonly unknown[] }>[],
  { limits }: Plan,
): readonly StateFault[] => {
  const counts = new Map(owners.map(({ path, limits: { length } }) => [path, length]))
  for (const { path } of limits.create) counts.set(path, (counts.get(path) ?? 0) + 1)
  for (const { path } of limits.delete) counts.set(path, (counts.get(path) ?? 0) - 1)
  return [...new Set(limits.create.map(({ path }) => path))]
    .filter((path) => (counts.get(path) ?? 0) > MAX_LIMITS)
    .map((path) => ({
      kind: 'owner',
      name: path,
      field: 'limits',
      words: `${tooManyLimits(counts.get(path) ?? 0)}, those that are not stated included`,
    }))
}
