// Reads everything that is configured, except keys; the rows of owners and limits too, for those who change them.
import type { StoredState } from '../../keys/declared-state.ts'
import type { LimitDraft } from '../../quota/limit-book.ts'
import { PERIODS } from '../../quota/quota.ts'
import type { DatabaseTransaction } from '../schema.ts'
import type { OwnerRow } from './locks.ts'
import { ownerToRecord } from './owner-book.ts'
import { knownPeriod, knownUnit } from './read-limits.ts'
import { readGuardrails, readModels, readPolicies } from './registry-document.ts'

export type OwnerLimitRow = LimitDraft & Readonly<{ id: number; quotaId: number; ownerId: string }>

export type StateRows = Readonly<{
  state: StoredState
  owners: ReadonlyMap<string, OwnerRow>
  /** By the owner's id. */
  limits: ReadonlyMap<string, readonly OwnerLimitRow[]>
}>

/** The caller holds what keeps it from changing between these reads. */
export const readStateRows = async (tx: DatabaseTransaction): Promise<StateRows> => {
  const rows = await tx.selectFrom('owner').selectAll().orderBy('path').execute()
  const limits = Map.groupBy(await readOwnerLimits(tx), ({ ownerId }) => ownerId)
  const policies = await readPolicies(tx)
  return {
    owners: new Map(rows.map((row) => [row.path, row])),
    limits,
    state: {
      guardrails: await readGuardrails(tx),
      policies: policies.map(({ version: _version, ...draft }) => draft),
      models: await readModels(tx),
      owners: rows.map((row) => {
        const { id, createdAtMs: _createdAtMs, ...owner } = ownerToRecord(row)
        return { ...owner, limits: (limits.get(id) ?? []).toSorted(byPeriod).map(toDraft) }
      }),
    },
  }
}

const readOwnerLimits = async (tx: DatabaseTransaction): Promise<readonly OwnerLimitRow[]> => {
  const rows = await tx
    .selectFrom('quota_limit as l')
    .innerJoin('owner as o', 'o.id', 'l.subject_id')
    .select(['l.id', 'l.subject_id', 'l.unit', 'l.period', 'l.zone', 'l.amount', 'l.quota_id'])
    .execute()
  return rows.map(({ subject_id, quota_id, unit, period, ...row }) => ({
    ...row,
    unit: knownUnit(unit),
    period: knownPeriod(period),
    ownerId: subject_id,
    quotaId: quota_id,
  }))
}

const byPeriod = (a: LimitDraft, b: LimitDraft): number =>
  PERIODS.indexOf(a.period) - PERIODS.indexOf(b.period) || (a.zone < b.zone ? -1 : 1)

const toDraft = ({ unit, period, zone, amount }: LimitDraft): LimitDraft => ({ unit, period, zone, amount })
