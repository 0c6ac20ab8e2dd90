// Owners: organisations, teams and users.
import { Rejection } from '../../kernel/failure.ts'
import { parseOwnerPath } from '../../kernel/name.ts'
import type { OwnerBook, OwnerRecord } from '../../keys/key-book.ts'
import { NO_LABELS } from '../../keys/virtual-key.ts'
import type { Rules } from '../../policy/policy.ts'
import { NO_RULES } from '../../policy/policy.ts'
import { labelsFromColumn } from '../labels-column.ts'
import { rulesFromColumns, rulesToColumns } from '../rules-columns.ts'
import type { BookDeps, WriteScope } from './book-database.ts'
import { deleteOwnerRows } from './delete-owner.ts'
import { bears, labelsToColumn } from './labels-input.ts'
import type { OwnerRow } from './locks.ts'
import { chainOf, lockOwnerChain, lockOwners, noSuchOwner } from './locks.ts'
import { parseNewOwnerPath } from './owner-input.ts'
import { createPublicId } from './public-id.ts'
import { mergeRules, parseRules, requireRegistered } from './rules-input.ts'
import { mirrorOwner, retireQuotas } from './usability.ts'

export const createOwnerBook = ({ database, clock }: BookDeps): OwnerBook => ({
  createOwner: async (path, rules, options = {}) => {
    parseNewOwnerPath(path)
    const parsed = parseRules(rules)
    const { withParents = false, labels = NO_LABELS } = options
    const labelled = labelsToColumn(labels)
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await database.write(async (scope) => {
          await requireRegistered(scope, parsed)
          const draft = { path, rules: parsed, labels: labelled, withParents, nowMs: clock.now() }
          return insertOwner(scope, draft)
        })
      } catch (error) {
        // Another process created it, or a parent, at the same instant: there was no row to lock yet. Now there is.
        if (!database.isDuplicate(error) || attempt >= MAX_ATTEMPTS) throw error
      }
    }
  },

  getOwner: async (path) => {
    parseOwnerPath(path)
    const row = await database.read((db) =>
      db.selectFrom('owner').selectAll().where('path', '=', path).executeTakeFirst(),
    )
    if (row === undefined) throw noSuchOwner(path)
    return ownerToRecord(row)
  },

  listOwners: async ({ labels = {} } = {}) => {
    const rows = await database.read((db) => db.selectFrom('owner').selectAll().orderBy('path').execute())
    return rows.map(ownerToRecord).filter((owner) => bears(owner.labels, labels))
  },

  updateOwner: async (path, { rules = {}, labels }) => {
    parseOwnerPath(path)
    return database.write(async (scope) => {
      await requireRegistered(scope, { policies: rules.policies ?? [], guardrails: rules.guardrails ?? [] })
      const row = leafOf(await lockOwnerChain(scope, path))
      const columns = {
        ...rulesToColumns(mergeRules(rulesFromColumns(row), rules)),
        labels: labels === undefined ? row.labels : labelsToColumn(labels),
      }
      await scope.tx.updateTable('owner').set(columns).where('id', '=', row.id).execute()
      scope.changed({ kind: 'owner', id: row.id })
      return ownerToRecord({ ...row, ...columns })
    })
  },

  setOwnerDisabled: async (path, disabled) => {
    parseOwnerPath(path)
    return database.write(async (scope) => {
      const owners = await lockOwnerChain(scope, path)
      const row = { ...leafOf(owners), disabled: disabled ? 1 : 0 }
      await scope.tx.updateTable('owner').set({ disabled: row.disabled }).where('id', '=', row.id).execute()
      await mirrorOwner(scope, [...owners.slice(0, -1), row])
      scope.changed({ kind: 'owner', id: row.id })
      return ownerToRecord(row)
    })
  },

  deleteOwner: async (path) => {
    parseOwnerPath(path)
    await database.write(async (scope) => {
      const row = leafOf(await lockOwnerChain(scope, path))
      scope.changed({ kind: 'owner', id: row.id })
      await retireQuotas(scope, await deleteOwnerRows(scope.tx, row))
    })
  },
})

/** Each attempt that meets a duplicate finds one owner more of at most three. */
const MAX_ATTEMPTS = 4

type OwnerDraft = Readonly<{
  path: string
  rules: Rules
  labels: string | null
  withParents: boolean
  nowMs: number
}>

export const insertOwner = async (
  scope: WriteScope,
  { path, rules, labels, withParents, nowMs }: OwnerDraft,
): Promise<OwnerRecord> => {
  const existing = await lockOwners(scope, [path])
  if (existing.has(path)) throw alreadyExists(path)
  let parentId: string | null = null
  for (const name of chainOf(path)) {
    const row = existing.get(name)
    if (row !== undefined) {
      parentId = row.id
      continue
    }
    if (name !== path && !withParents) throw noSuchOwner(name)
    const columns = rulesToColumns(name === path ? rules : NO_RULES)
    const owner: OwnerRow = {
      id: createPublicId('own'),
      path: name,
      parent_id: parentId,
      disabled: 0,
      created_at: nowMs,
      labels: name === path ? labels : null,
      ...columns,
    }
    await scope.tx.insertInto('owner').values(owner).execute()
    scope.changed({ kind: 'owner', id: owner.id })
    if (name === path) return ownerToRecord(owner)
    parentId = owner.id
  }
  throw new Error(`owner ${path} was not created`)
}

const leafOf = (owners: readonly OwnerRow[]): OwnerRow => {
  const leaf = owners.at(-1)
  if (leaf === undefined) throw new Error('an owner chain is never empty')
  return leaf
}

const alreadyExists = (path: string): Rejection =>
  new Rejection('conflict', `owner ${JSON.stringify(path)} exists already`)

export const ownerToColumns = ({
  disabled,
  rules,
  labels,
}: Pick<OwnerRecord, 'disabled' | 'rules' | 'labels'>) => ({
  disabled: disabled ? 1 : 0,
  labels: labelsToColumn(labels),
  ...rulesToColumns(rules),
})

export const ownerToRecord = (row: OwnerRow): OwnerRecord => ({
  id: row.id,
  path: row.path,
  disabled: row.disabled !== 0,
  rules: rulesFromColumns(row),
  labels: labelsFromColumn(row.labels),
  createdAtMs: row.created_at,
})
