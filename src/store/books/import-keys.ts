// Importing keys by the digests of their secrets: every fault found first, then all of them in one transaction.
import { digestName } from '../../kernel/digest-name.ts'
import { Rejection } from '../../kernel/failure.ts'
import type { Imported, ImportFault, ImportOptions, KeyDraft } from '../../keys/key-book.ts'
import { ImportRefused } from '../../keys/key-book.ts'
import type { MissingOwner } from '../../keys/missing-owner.ts'
import { NO_RULES } from '../../policy/policy.ts'
import type { DatabaseTransaction } from '../schema.ts'
import type { WriteScope } from './book-database.ts'
import { insertKeys } from './insert-keys.ts'
import { MAX_DRAFTS, parseDraft } from './key-input.ts'
import { chainOf, lockOwners, noSuchOwner } from './locks.ts'
import { insertOwner } from './owner-book.ts'
import { parseNewOwnerPath } from './owner-input.ts'
import { lockAndReadNames } from './rules-input.ts'

/** Throws ImportRefused with what is wrong in each by itself. */
export const parseImport = (drafts: readonly KeyDraft[]): readonly KeyDraft[] => {
  if (drafts.length > MAX_DRAFTS)
    throw new Rejection('invalid', `at most ${MAX_DRAFTS} keys are imported at once`)
  const faults: ImportFault[] = []
  const firstOf = new Map<string, number>()
  const parsed = drafts.map((draft, index) => {
    try {
      const twin = firstOf.get(digestName(draft.digest))
      if (twin !== undefined) throw new Rejection('conflict', 'its secret stands in the file before')
      firstOf.set(digestName(draft.digest), index)
      return parseDraft(draft)
    } catch (error) {
      if (!(error instanceof Rejection)) throw error
      faults.push({ index, sentence: error.message })
      return draft
    }
  })
  refuse(faults, drafts)
  return parsed
}

export const importKeys = async (
  scope: WriteScope,
  drafts: readonly KeyDraft[],
  { createOwners, dryRun }: ImportOptions,
  now: () => number,
): Promise<Imported> => {
  const known = await lockAndReadNames(
    scope,
    drafts.map(({ rules }) => rules),
  )
  const owners = await lockOwners(
    scope,
    drafts.map(({ ownerPath }) => ownerPath),
  )
  const secrets = await selectSecrets(scope.tx, drafts)
  const isMissing = (path: string) => !owners.has(path)
  const faultOf = (draft: KeyDraft): string | MissingOwner | undefined => {
    const there = secrets.get(digestName(draft.digest))
    if (there?.id === null)
      return `its secret was of key ${there.key_id}, which was revoked and deleted: no import restores it`
    if (there?.revoked_at != null)
      return `it is key ${there.key_id}, which is revoked, for ever: no import restores it`
    if (there?.not_after != null && there.not_after <= now())
      return `its secret was of key ${there.key_id} and has ended: no import restores it`
    if (isMissing(draft.ownerPath)) {
      if (!createOwners) return noSuchOwner(draft.ownerPath)
      const wrong = wrongOwnerPath(draft.ownerPath)
      if (wrong !== undefined) return wrong
    }
    return known.missingIn(draft.rules)
  }
  refuse(
    drafts.flatMap((draft, index) => {
      const fault = faultOf(draft)
      if (fault === undefined) return []
      return typeof fault === 'string'
        ? [{ index, sentence: fault }]
        : [{ index, sentence: fault.message, lacksOwner: true }]
    }),
    drafts,
  )
  const fresh = drafts.filter(({ digest }) => !secrets.has(digestName(digest)))
  const unchanged = drafts.flatMap(({ digest }, index) => (secrets.has(digestName(digest)) ? [index] : []))
  const wanted = new Set(fresh.flatMap(({ ownerPath }) => chainOf(ownerPath)).filter(isMissing))
  const ownersCreated = [...wanted].toSorted()
  if (!dryRun) {
    // Those above come first.
    for (const path of ownersCreated)
      await insertOwner(scope, { path, rules: NO_RULES, labels: null, withParents: false, nowMs: now() })
    if (fresh.length > 0) {
      scope.changed({ kind: 'new_keys' })
      await insertKeys(scope, fresh, now())
    }
  }
  return { created: fresh.length, unchanged, ownersCreated }
}

const refuse = (faults: readonly ImportFault[], drafts: readonly KeyDraft[]): void => {
  if (faults.length > 0) throw new ImportRefused(faults, drafts.length)
}

const wrongOwnerPath = (path: string): string | undefined => {
  try {
    parseNewOwnerPath(path)
    return undefined
  } catch (error) {
    if (error instanceof Rejection) return error.message
    throw error
  }
}

type KnownSecret = Readonly<{
  hash: Uint8Array
  key_id: string
  /** null when the key went with its owner. */
  id: string | null
  not_after: number | null
  revoked_at: number | null
}>

const DIGESTS_PER_STATEMENT = 500

/** By the names of their digests. */
const selectSecrets = async (
  tx: DatabaseTransaction,
  drafts: readonly KeyDraft[],
): Promise<ReadonlyMap<string, KnownSecret>> => {
  const found = new Map<string, KnownSecret>()
  for (let at = 0; at < drafts.length; at += DIGESTS_PER_STATEMENT) {
    const digests = drafts.slice(at, at + DIGESTS_PER_STATEMENT).map(({ digest }) => digest)
    const rows = await tx
      .selectFrom('key_secret as s')
      .leftJoin('virtual_key as k', 'k.id', 's.key_id')
      .select(['s.hash', 's.key_id', 's.not_after', 'k.id', 'k.revoked_at'])
      .where('s.hash', 'in', digests)
      .execute()
    for (const row of rows) found.set(digestName(new Uint8Array(row.hash)), row)
  }
  return found
}
