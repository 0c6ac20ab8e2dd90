// Virtual keys as people manage them.
import { Rejection } from '../../kernel/failure.ts'
import { parseOwnerPath } from '../../kernel/name.ts'
import type { KeyBook, KeyChange, KeyRecord } from '../../keys/key-book.ts'
import { rulesFromColumns, rulesToColumns } from '../rules-columns.ts'
import type { BookDeps, WriteScope } from './book-database.ts'
import { listExpiring } from './expiring.ts'
import { importKeys, parseImport } from './import-keys.ts'
import { insertKeys } from './insert-keys.ts'
import { parseDraft, parseKeyName, parseLifetime } from './key-input.ts'
import { labelsToColumn } from './labels-input.ts'
import type { KeyRow, LockedKey } from './locks.ts'
import { lockKey, refuseRevoked } from './locks.ts'
import { digestOfKey, findKeyByDigest, getKey, listKeys, toRecord } from './read-keys.ts'
import { revokeKeysOf } from './revoke-keys.ts'
import { liveSecretsOf, parseRotation, rotateKey } from './rotate-key.ts'
import { mergeRules, requireRegistered } from './rules-input.ts'
import { mirrorKey } from './usability.ts'

export const createKeyBook = ({ database, clock }: BookDeps): KeyBook => {
  /** Changes one key's row and rewrites its mirrors, whether or not this change touches them. */
  const change = async (
    id: string,
    names: Parameters<typeof requireRegistered>[1],
    next: (key: KeyRow) => KeyRow,
  ): Promise<KeyRecord> => {
    return database.write(async (scope) => {
      await requireRegistered(scope, names)
      const { key, owners } = await lockKey(scope, id)
      scope.changed({ kind: 'key', id })
      return writeKey(scope, { key: next(key), owners })
    })
  }

  return {
    createKeys: async (drafts) => {
      const parsed = drafts.map(parseDraft)
      try {
        return await database.write((scope) => {
          scope.changed({ kind: 'new_keys' })
          return insertKeys(scope, parsed, clock.now())
        })
      } catch (error) {
        throw database.isDuplicate(error)
          ? new Rejection('conflict', 'a key with this secret exists already')
          : error
      }
    },

    importKeys: async (drafts, options) => {
      const parsed = parseImport(drafts)
      try {
        return await database.write((scope) => importKeys(scope, parsed, options, clock.now))
      } catch (error) {
        // Another process made the same key or owner at the same instant.
        throw database.isDuplicate(error)
          ? new Rejection('conflict', 'somebody made one of these keys or owners meanwhile; import again')
          : error
      }
    },

    getKey: (id) => database.read((db) => getKey(db, id)),
    findKeyByDigest: (digest) => database.read((db) => findKeyByDigest(db, digest, clock.now())),
    digestOfKey: (id) => database.read((db) => digestOfKey(db, id, clock.now())),
    listKeys: (filter) => {
      if (filter.ownerPath !== undefined) parseOwnerPath(filter.ownerPath)
      return database.read((db) => listKeys(db, filter))
    },

    updateKey: (id, keyChange) => {
      const { rules = {} } = keyChange
      return change(id, { policies: rules.policies ?? [], guardrails: rules.guardrails ?? [] }, (key) => {
        refuseRevoked(key)
        const next = {
          ...key,
          ...changedColumns(keyChange),
          ...rulesToColumns(mergeRules(rulesFromColumns(key), rules)),
        }
        parseLifetime(next.not_before ?? undefined, next.expires_at ?? undefined)
        return next
      })
    },

    setKeyDisabled: (id, disabled) =>
      change(id, NO_NAMES, (key) => {
        refuseRevoked(key)
        return { ...key, disabled: disabled ? 1 : 0 }
      }),

    rotateKey: async (id, draft) => {
      const parsed = parseRotation(draft)
      try {
        return await database.write((scope) => rotateKey(scope, id, parsed, clock.now))
      } catch (error) {
        // Of a digest, or of a request at another key at the same instant.
        throw database.isDuplicate(error)
          ? new Rejection('conflict', 'this secret or this idempotency key was used already')
          : error
      }
    },

    secretsOf: (id) => database.read(async (db) => liveSecretsOf(db, await getKey(db, id), clock.now())),

    revokeKeysOf: async (filter) => {
      parseOwnerPath(filter.ownerPath)
      return database.write((scope) => revokeKeysOf(scope, filter, clock.now))
    },

    listExpiring: async (filter) => {
      if (filter.ownerPath !== undefined) parseOwnerPath(filter.ownerPath)
      return database.read((db) => listExpiring(db, filter, clock.now()))
    },

    revokeKey: (id) => change(id, NO_NAMES, (key) => ({ ...key, revoked_at: key.revoked_at ?? clock.now() })),
  }
}

const changedColumns = (change: KeyChange): Partial<KeyRow> => ({
  ...(change.name === undefined ? {} : { name: parseKeyName(change.name) }),
  ...('notBeforeMs' in change ? { not_before: change.notBeforeMs ?? null } : {}),
  ...('expiresAtMs' in change ? { expires_at: change.expiresAtMs ?? null } : {}),
  ...(change.failMode === undefined ? {} : { fail_mode: change.failMode }),
  ...(change.shadow === undefined ? {} : { shadow: change.shadow ? 1 : 0 }),
  ...(change.labels === undefined ? {} : { labels: labelsToColumn(change.labels) }),
})

const NO_NAMES = { policies: [], guardrails: [] }

const writeKey = async (scope: WriteScope, locked: LockedKey): Promise<KeyRecord> => {
  const { id, owner_id: _owner, quota_id: _quota, created_at: _created, ...columns } = locked.key
  await scope.tx.updateTable('virtual_key').set(columns).where('id', '=', id).execute()
  await mirrorKey(scope, locked)
  const path = locked.owners.at(-1)?.path
  if (path === undefined) throw new Error('an owner chain is never empty')
  return toRecord({ ...locked.key, path })
}
